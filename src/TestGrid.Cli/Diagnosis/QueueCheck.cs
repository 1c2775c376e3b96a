using System.ComponentModel.DataAnnotations;
using System.Runtime.CompilerServices;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Queues.RabbitMq;

namespace TestGrid.Cli.Diagnosis;

/// <summary>Do orders get from the scheduler to the runners.</summary>
internal static class QueueCheck
{
    public const string Part = "queue";

    private const string Example =
        "--queue amqp://testgrid@broker.example.org:5672/testgrid --queue-password-file /etc/testgrid/queue-password";

    public static async IAsyncEnumerable<Finding> ExamineAsync(
        Ground ground,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        yield return ground.Queue.Chosen switch
        {
            QueueOptions.Sqlite when ground.RunnerOf is not null => Finding.Ok(
                Part,
                "embedded",
                "orders come from the server"
            ),
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

    /// <summary>Asks it as a server would, and changes nothing.</summary>
    private static async Task<Finding> BrokerAsync(QueueOptions options, CancellationToken stop)
    {
        const string What = QueueOptions.RabbitMq;
        try
        {
            RabbitMqJobQueue.Check(options);
        }
        catch (ValidationException e)
        {
            return new Finding(Part, What, FindingLevel.Failure, e.Message, Example);
        }
        var (trouble, found) = await new BrokerExam(options).ExamineAsync(stop);
        return trouble is null
            ? Finding.Ok(Part, What, found)
            : new Finding(Part, What, FindingLevel.Failure, trouble.Words, trouble.Remedy);
    }
}
