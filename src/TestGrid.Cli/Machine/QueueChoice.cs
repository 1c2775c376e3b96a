using System.CommandLine;
using Microsoft.Extensions.Configuration;
using TestGrid.Runner.Queues;

namespace TestGrid.Cli.Machine;

/// <summary>Which queue: what the command line says, else the settings. A server and a runner elsewhere say it alike.</summary>
/// <param name="otherwise">What happens without one, for the option's description.</param>
internal sealed class QueueChoice(string otherwise)
{
    public Option<string?> Queue { get; } =
        new("--queue")
        {
            Description =
                "a RabbitMQ broker, amqp://user@host:5672/vhost or amqps://… ($TESTGRID_QUEUE__URL); " + otherwise,
            HelpName = "URL",
        };

    public Option<FileInfo?> PasswordFile { get; } =
        new("--queue-password-file")
        {
            Description = "a file with the broker's password ($TESTGRID_QUEUE__PASSWORDFILE)",
            HelpName = "FILE",
        };

    public void AddTo(Command command)
    {
        command.Add(Queue);
        command.Add(PasswordFile);
    }

    /// <summary>The settings of key <c>queue</c>, with what the command line said instead.</summary>
    public static QueueOptions Read(IConfiguration settings, string? queue, string? passwordFile)
    {
        var section = settings.GetSection("queue");
        var options = new QueueOptions();
        section.Bind(options);
        options.Kind ??= section.Value; // TESTGRID_QUEUE=rabbitmq
        options.PasswordFile = passwordFile ?? options.PasswordFile;
        if (queue is null)
            return options;
        var isAddress = queue.Contains(':', StringComparison.Ordinal);
        options.Kind = isAddress ? QueueOptions.RabbitMq : queue;
        options.Url = isAddress ? queue : options.Url;
        return options;
    }
}
