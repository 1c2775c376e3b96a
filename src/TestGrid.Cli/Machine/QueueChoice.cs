using System.CommandLine;
using Microsoft.Extensions.Configuration;
using TestGrid.Runner.Queues;

namespace TestGrid.Cli.Machine;

/// <summary>What the command line says of the queue.</summary>
/// <param name="Queue">Its address, or <c>sqlite</c>; null is what the settings say.</param>
/// <param name="PasswordFile">The file with its password.</param>
/// <param name="CaFile">The file of authorities that may have signed its certificate.</param>
internal sealed record QueueWords(string? Queue = null, string? PasswordFile = null, string? CaFile = null);

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

    public Option<FileInfo?> CaFile { get; } =
        new("--queue-ca-file")
        {
            Description =
                "PEM: who signed an amqps:// broker's certificate, if no public authority ($TESTGRID_QUEUE__CAFILE)",
            HelpName = "FILE",
        };

    public void AddTo(Command command)
    {
        command.Add(Queue);
        command.Add(PasswordFile);
        command.Add(CaFile);
    }

    /// <summary>What the command line says.</summary>
    public QueueWords Said(ParseResult parsed) =>
        new(parsed.GetValue(Queue), parsed.GetValue(PasswordFile)?.FullName, parsed.GetValue(CaFile)?.FullName);

    /// <summary>The settings of key <c>queue</c>, with what the command line said instead.</summary>
    public static QueueOptions Read(IConfiguration settings, QueueWords said)
    {
        var section = settings.GetSection("queue");
        var options = new QueueOptions();
        section.Bind(options);
        options.Kind ??= section.Value; // TESTGRID_QUEUE=rabbitmq
        options.PasswordFile = said.PasswordFile ?? options.PasswordFile;
        options.CaFile = said.CaFile ?? options.CaFile;
        if (said.Queue is not { } queue)
            return options;
        var isAddress = queue.Contains(':', StringComparison.Ordinal);
        options.Kind = isAddress ? QueueOptions.RabbitMq : queue;
        options.Url = isAddress ? queue : options.Url;
        return options;
    }
}
