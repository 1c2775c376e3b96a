using RabbitMQ.Client;
using TestGrid.Cli.Diagnosis;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Serving;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Queues.RabbitMq;
using TestGrid.Tests.Server.Support;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Cli.Diagnosis;

/// <summary>What the doctor says of a real broker that is not as it should be, and that the line it gives mends it.</summary>
[Collection(SharedBroker.Name)]
public sealed class QueueCheckTests(SharedBroker.Running shared) : IAsyncLifetime
{
    private const string Password = "a pass-word: with @/%";

    private readonly TempFolder folder = new();
    private readonly string mark = Path.GetRandomFileName().Replace(".", "", StringComparison.Ordinal);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private RabbitBroker Broker => shared.Broker;

    public async ValueTask InitializeAsync()
    {
        if (!Broker.IsRunning)
            await Broker.StartAsync(Stop); // a test that failed left it so
    }

    public ValueTask DisposeAsync()
    {
        folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_broker_that_takes_orders_is_found_well_and_has_no_more_queues_than_before()
    {
        var finding = await ExamineAsync(Broker.Url, name: mark);

        Assert.True(finding.Level is FindingLevel.Ok, finding.Detail);
        Assert.Contains($"{Broker.Port}", finding.Detail, StringComparison.Ordinal);
        Assert.Contains("is not there yet", finding.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(mark, await Broker.ControlAsync(Stop, "list_queues", "name"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Orders_that_lie_there_are_counted_and_not_touched()
    {
        var options = new QueueOptions { Url = Broker.Url, Name = mark };
        await using var queue = new RabbitMqJobQueue(
            options,
            TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger<RabbitMqJobQueue>.Instance
        );
        await queue.PublishAsync(Some.Order(1), Stop);
        await queue.PublishAsync(Some.Order(2), Stop);

        var finding = await ExamineAsync(Broker.Url, name: mark);

        Assert.True(finding.Level is FindingLevel.Ok, finding.Detail);
        Assert.Contains("2 lie there", finding.Detail, StringComparison.Ordinal);
        await WithChannelAsync(async channel =>
        {
            var first = await channel.BasicGetAsync(mark, false, Stop);
            Assert.Equal((false, "1.1"), (first!.Redelivered, first.BasicProperties.MessageId));
        });
    }

    [Fact]
    public async Task From_a_user_that_nobody_has_to_orders_each_line_that_is_pasted_mends_its_part()
    {
        var url = $"amqp://{mark}@127.0.0.1:{Broker.Port}/{mark}";

        var login = await ExamineAsync(url);
        Assert.Contains($"refuses the user '{mark}' or the password", login.Detail, StringComparison.Ordinal);
        Assert.StartsWith("rabbitmqctl -q list_users", login.Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain(Password, login.ToString(), StringComparison.Ordinal);
        await PasteAsync(login, Password + "\n");

        await Broker.PasteAsync($"rabbitmqctl change_password {mark}", "another\n", Stop);
        Assert.Equal(login, await ExamineAsync(url)); // the broker does not tell which of the two it was
        await PasteAsync(login, Password + "\n");

        var host = await ExamineAsync(url);
        Assert.Contains($"vhost {mark} not found", host.Detail, StringComparison.Ordinal);
        Assert.StartsWith($"rabbitmqctl add_vhost {mark} && ", host.Remedy, StringComparison.Ordinal);
        await PasteAsync(host);

        var well = await ExamineAsync(url);
        Assert.True(well.Level is FindingLevel.Ok, well.Detail);
        await using var queue = new RabbitMqJobQueue(
            new QueueOptions { Url = url, PasswordFile = PasswordFile() },
            TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger<RabbitMqJobQueue>.Instance
        );
        Assert.Null(await queue.TroubleAsync(Stop)); // these rights are all that a server needs
    }

    [Theory]
    [InlineData("lacks the right to configure testgrid.jobs", "'^$' '.*' '.*'")]
    [InlineData("lacks the right to write to amq.default", "'.*' '^$' '.*'")]
    [InlineData("lacks the right to read testgrid.jobs", "'.*' '.*' '^$'")]
    [InlineData("access to vhost", null)]
    public async Task A_right_that_is_missing_is_found_without_using_it(string right, string? rights)
    {
        var url = $"amqp://{mark}@127.0.0.1:{Broker.Port}/{mark}";
        var grant = rights is null ? "" : $" && rabbitmqctl set_permissions -p {mark} {mark} {rights}";
        await Broker.PasteAsync(
            $"rabbitmqctl add_user {mark} && rabbitmqctl add_vhost {mark}{grant}",
            Password + "\n",
            Stop
        );

        var refused = await ExamineAsync(url);
        Assert.Equal(FindingLevel.Failure, refused.Level);
        Assert.Contains(right, refused.Detail, StringComparison.Ordinal);
        Assert.StartsWith($"rabbitmqctl set_permissions -p {mark} {mark} ", refused.Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain("testgrid", await QueuesAsync(mark), StringComparison.Ordinal);

        await PasteAsync(refused);
        Assert.Equal(FindingLevel.Ok, (await ExamineAsync(url)).Level);
    }

    [Fact]
    public async Task A_queue_of_the_wrong_kind_is_named_with_the_line_that_deletes_it()
    {
        await WithChannelAsync(channel => channel.QueueDeclareAsync(mark, true, false, false, cancellationToken: Stop));

        var finding = await ExamineAsync(Broker.Url, name: mark);

        Assert.Equal(FindingLevel.Failure, finding.Level);
        Assert.Contains("inequivalent arg 'x-queue-type'", finding.Detail, StringComparison.Ordinal);
        Assert.StartsWith($"rabbitmqctl delete_queue -p / {mark} ", finding.Remedy, StringComparison.Ordinal);
        await PasteAsync(finding);
        Assert.Equal(FindingLevel.Ok, (await ExamineAsync(Broker.Url, name: mark)).Level);
    }

    [Fact]
    public async Task A_broker_that_is_low_on_memory_is_a_failure()
    {
        await Broker.ControlAsync(Stop, "set_vm_memory_high_watermark", "0.000001");
        try
        {
            var finding = await ExamineAsync(Broker.Url);

            Assert.Equal(FindingLevel.Failure, finding.Level);
            Assert.Contains("takes nothing: low on memory", finding.Detail, StringComparison.Ordinal);
            Assert.StartsWith("rabbitmq-diagnostics alarms", finding.Remedy, StringComparison.Ordinal);
            await PasteAsync(finding);
        }
        finally
        {
            await Broker.ControlAsync(Stop, "set_vm_memory_high_watermark", "0.4");
        }
    }

    private Task<string> PasteAsync(Finding finding, string typed = "") =>
        Broker.PasteAsync(finding.Remedy!, typed, Stop);

    private Task<string> QueuesAsync(string host) => Broker.ControlAsync(Stop, "list_queues", "-p", host, "name");

    private string PasswordFile()
    {
        var file = Path.Combine(folder.Path, "password");
        File.WriteAllText(file, Password + "\n");
        return file;
    }

    private async Task<Finding> ExamineAsync(string url, string? name = null)
    {
        var data = Path.Combine(folder.Path, "data");
        Directory.CreateDirectory(data);
        await File.WriteAllTextAsync(
            Path.Combine(data, "testgrid.json"),
            $$"""{ "queue": { "name": "{{name ?? "testgrid.jobs"}}" } }""",
            Stop
        );
        var password = url.Contains("guest", StringComparison.Ordinal) ? null : PasswordFile();
        var settings = new ServingSettings("http://127.0.0.1:0", null, data, null, 1, false)
        {
            Queue = new QueueWords(url, password),
        };
        await using var ground = Ground.Open(settings);
        return Assert.Single(await QueueCheck.ExamineAsync(ground, Stop).ToListAsync(Stop));
    }

    private async Task WithChannelAsync(Func<IChannel, Task> use)
    {
        var factory = new ConnectionFactory { HostName = "127.0.0.1", Port = Broker.Port };
        await using var connection = await factory.CreateConnectionAsync(Stop);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Stop);
        await use(channel);
    }
}
