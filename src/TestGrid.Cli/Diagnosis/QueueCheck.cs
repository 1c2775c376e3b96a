using System.ComponentModel.DataAnnotations;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging.Abstractions;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Queues.RabbitMq;

namespace TestGrid.Cli.Diagnosis;

/// <summary>Do orders get from the scheduler to the runners.</summary>
internal static class QueueCheck
{
    public const string Part = "queue";

    public static async IAsyncEnumerable<Finding> ExamineAsync(
        Ground ground,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        yield return ground.Queue.Chosen switch
        {
            QueueOptions.Sqlite => Finding.Ok(Part, "embedded", $"a table of the store in {ground.Settings.DataPath}"),
            QueueOptions.RabbitMq => await BrokerAsync(ground.Queue, stop),
            var other => new Finding(
                Part,
                other,
                FindingLevel.Failure,
                "there is no such queue",
                $"--queue amqp://user@host:5672/vhost, or --queue {QueueOptions.Sqlite}"
            ),
        };
    }

    /// <summary>Asks it as a server would: with the user's password, and the queue declared.</summary>
    private static async Task<Finding> BrokerAsync(QueueOptions options, CancellationToken stop)
    {
        const string What = QueueOptions.RabbitMq;
        try
        {
            RabbitMqJobQueue.Check(options);
        }
        catch (ValidationException e)
        {
            return new Finding(Part, What, FindingLevel.Failure, e.Message, "see docs/queues.md");
        }
        await using var queue = new RabbitMqJobQueue(
            options,
            TimeProvider.System,
            NullLogger<RabbitMqJobQueue>.Instance
        );
        return await queue.TroubleAsync(stop) is { } trouble
            ? new Finding(Part, What, FindingLevel.Failure, trouble, Remedy(trouble))
            : Finding.Ok(Part, What, $"{options.Url} takes orders on {options.Name}");
    }

    private static string Remedy(string trouble) =>
        trouble switch
        {
            _ when trouble.Contains("refuses the user") => "rabbitmqctl change_password USER   # and into the file",
            _ when trouble.Contains("vhost") =>
                "rabbitmqctl add_vhost VHOST && rabbitmqctl set_permissions -p VHOST USER …",
            _ when trouble.Contains("ACCESS_REFUSED") => "rabbitmqctl set_permissions …   # see docs/queues.md",
            _ => "systemctl start rabbitmq-server   # on that host; jobs wait in the store until then",
        };
}
