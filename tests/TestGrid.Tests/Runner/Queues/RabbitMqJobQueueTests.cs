using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Queues.RabbitMq;
using TestGrid.Tests.Architecture;
using TestGrid.Tests.Contracts;
using TestGrid.Tests.Server.Support;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Queues;

/// <summary>Against a real broker: what every queue promises, and what happens when the broker goes away.</summary>
[Collection(SharedBroker.Name)]
public sealed partial class RabbitMqJobQueueTests(SharedBroker.Running shared) : JobQueueContract, IAsyncLifetime
{
    private readonly Heard heard = new();
    private readonly List<RabbitMqJobQueue> made = [];
    private readonly QueueOptions options = new()
    {
        Url = shared.Broker.Url,
        Name = $"testgrid.{Path.GetRandomFileName()}",
    };

    private RabbitBroker Broker => shared.Broker;

    protected override IJobQueue Create() => made is [var one, ..] ? one : Another();

    public async ValueTask InitializeAsync()
    {
        if (!Broker.IsRunning)
            await Broker.StartAsync(Stop); // a test that failed left it so
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var queue in made)
            await queue.DisposeAsync();
    }

    [Fact]
    public async Task Orders_survive_a_broker_that_is_killed_and_a_waiting_receiver_goes_on()
    {
        var queue = Create();
        await queue.PublishAsync(Some.Order(1), Stop);
        await queue.PublishAsync(Some.Order(2), Stop);
        await using var held = await queue.ReceiveAsync("one", Stop);
        await using (var other = await queue.ReceiveAsync("two", Stop))
            await other.AcknowledgeAsync(Stop);
        var waiting = queue.ReceiveAsync("two", Stop).AsTask();

        await Broker.KillAsync();
        // First what cannot succeed: a connection is held for whole until somebody has used it.
        var refused = await Assert.ThrowsAsync<QueueAwayException>(() =>
            queue.PublishAsync(Some.Order(3), Stop).AsTask()
        );
        var trouble = await queue.TroubleAsync(Stop);
        await held.AcknowledgeAsync(Stop); // no error: it comes again
        await Broker.StartAsync(Stop);

        var words = $"the queue at 127.0.0.1:{Broker.Port} is away: connection refused; trying again";
        Assert.Equal((words, words), (trouble?.Words, refused.Message));
        await using var again = await waiting;
        Assert.Equal(1, again.Order.Id.Cell);
        await UntilPublishedAsync(queue, 4);
    }

    [Fact]
    public async Task What_a_killed_connection_held_comes_out_again()
    {
        var dying = Another();
        await dying.PublishAsync(Some.Order(), Stop);
        _ = await dying.ReceiveAsync("one", Stop);

        await dying.DisposeAsync(); // the connection is closed with the order unacknowledged

        await using var again = await Another().ReceiveAsync("two", Stop);
        Assert.Equal(Some.Order().Id, again.Order.Id);
    }

    [Fact]
    public async Task An_idle_runner_holds_no_order_that_another_could_run()
    {
        var busy = Another();
        await busy.PublishAsync(Some.Order(1), Stop);
        await busy.PublishAsync(Some.Order(2), Stop);
        await busy.PublishAsync(Some.Order(3), Stop);
        await using (var first = await busy.ReceiveAsync("busy", Stop))
            await first.AcknowledgeAsync(Stop); // and asks for no more

        var free = Another();
        await using var second = await free.ReceiveAsync("free", Stop);
        await using var third = await free.ReceiveAsync("free", Stop);

        Assert.Equal((2, 3), (second.Order.Id.Cell, third.Order.Id.Cell));
    }

    [Fact]
    public async Task Publishing_to_a_queue_that_was_deleted_is_an_error_and_the_next_try_finds_it_again()
    {
        var queue = Create();
        await queue.PublishAsync(Some.Order(1), Stop);
        await WithChannelAsync(channel => channel.QueueDeleteAsync(options.Name, false, false, Stop));

        var refused = await Assert.ThrowsAsync<QueueAwayException>(() =>
            queue.PublishAsync(Some.Order(2), Stop).AsTask()
        );

        Assert.Contains("was deleted", refused.Message, StringComparison.Ordinal);
        await UntilPublishedAsync(queue, 3);
        await using var delivery = await queue.ReceiveAsync("one", Stop);
        Assert.Equal(3, delivery.Order.Id.Cell);
    }

    [Theory]
    [InlineData("{ not json", "it is no job order")]
    [InlineData("""{"id":"1.1"}""", "repository is missing")]
    [InlineData("null", "everything is missing")]
    public async Task A_message_that_cannot_be_read_is_put_aside_with_its_reason(string text, string why)
    {
        var queue = Create();
        await queue.PublishAsync(Some.Order(1), Stop); // declares
        await using (var first = await queue.ReceiveAsync("one", Stop))
            await first.AcknowledgeAsync(Stop);
        await WithChannelAsync(channel =>
            channel.BasicPublishAsync("", options.Name, true, new BasicProperties(), Some.Bytes(text), Stop).AsTask()
        );
        await queue.PublishAsync(Some.Order(2), Stop);

        await using var next = await queue.ReceiveAsync("one", Stop);

        Assert.Equal(2, next.Order.Id.Cell);
        Assert.Contains(heard.Lines, line => line.Contains(why, StringComparison.Ordinal));
        await WithChannelAsync(async channel =>
        {
            var aside = await channel.BasicGetAsync(options.Name + ".unreadable", true, Stop);
            Assert.Equal(text, System.Text.Encoding.UTF8.GetString(aside!.Body.Span));
            var reason = (byte[])aside.BasicProperties.Headers!["x-testgrid-reason"]!;
            Assert.Contains(why, System.Text.Encoding.UTF8.GetString(reason), StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_broker_that_hangs_fails_a_publish_within_seconds()
    {
        var queue = Create();
        await queue.PublishAsync(Some.Order(1), Stop);
        await Broker.SignalAsync("STOP");
        try
        {
            var away = await Assert.ThrowsAsync<QueueAwayException>(() =>
                queue.PublishAsync(Some.Order(2), Stop).AsTask().WaitAsync(TimeSpan.FromSeconds(15), Stop)
            );
            Assert.Contains("it does not answer", away.Message, StringComparison.Ordinal);
        }
        finally
        {
            await Broker.SignalAsync("CONT");
        }
        await UntilPublishedAsync(queue, 3);
    }

    [Fact]
    public async Task A_broker_that_is_low_on_memory_says_so_and_takes_orders_again_when_it_is_not()
    {
        var queue = Create();
        await queue.PublishAsync(Some.Order(1), Stop);
        await Broker.ControlAsync(Stop, "set_vm_memory_high_watermark", "0.000001");
        try
        {
            var refused = await Assert.ThrowsAsync<QueueAwayException>(() =>
                queue.PublishAsync(Some.Order(2), Stop).AsTask()
            );
            Assert.Contains("takes nothing: low on memory", refused.Message, StringComparison.Ordinal);
            Assert.Equal(refused.Message, (await queue.TroubleAsync(Stop))?.Words);
        }
        finally
        {
            await Broker.ControlAsync(Stop, "set_vm_memory_high_watermark", "0.4");
        }
        await UntilPublishedAsync(queue, 3);
    }

    [Fact]
    public async Task A_wrong_password_is_told_without_the_password()
    {
        using var folder = new TempFolder();
        var file = Path.Combine(folder.Path, "password");
        await File.WriteAllTextAsync(file, "hunter2-canary\n", Stop);
        options.PasswordFile = file;

        var trouble = (await Create().TroubleAsync(Stop))?.Words;

        Assert.Contains("refuses the user 'guest' or the password", trouble, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2-canary", trouble + string.Join('\n', heard.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_with_only_the_rights_that_the_manual_names_publishes_and_receives()
    {
        using var folder = new TempFolder();
        options.PasswordFile = Path.Combine(folder.Path, "password");
        await File.WriteAllTextAsync(options.PasswordFile, "a password: with @/%\n", Stop);
        options.Url = $"amqp://testgrid@127.0.0.1:{Broker.Port}/testgrid";
        var strangers = (await Create().TroubleAsync(Stop))?.Words;
        await Broker.ControlAsync(Stop, "add_user", "testgrid", "a password: with @/%");
        await Broker.ControlAsync(Stop, "add_vhost", "testgrid");
        var manual = await File.ReadAllTextAsync(Path.Combine(SourceTree.Home, "docs", "queues.md"), Stop);
        var rights = Rights().Match(manual);
        await Broker.ControlAsync(
            Stop,
            ["set_permissions", "-p", "testgrid", "testgrid", .. rights.Groups.Values.Skip(1).Select(one => one.Value)]
        );

        await UntilPublishedAsync(Create(), 1);

        await using var delivery = await Create().ReceiveAsync("one", Stop);
        Assert.Equal(1, delivery.Order.Id.Cell);
        Assert.Contains("refuses the user 'testgrid' or the password", strangers, StringComparison.Ordinal);
    }

    [GeneratedRegex("set_permissions -p testgrid testgrid '(.*?)' '(.*?)' '(.*?)'")]
    private static partial Regex Rights();

    [Fact]
    public async Task A_virtual_host_that_is_not_there_is_named()
    {
        options.Url += "/nowhere";

        Assert.Contains(
            "vhost nowhere not found",
            (await Create().TroubleAsync(Stop))?.Words,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_broker_is_logged_as_away_once_and_as_back_once()
    {
        var queue = Create();
        await queue.PublishAsync(Some.Order(1), Stop);
        await Broker.KillAsync();
        for (var i = 0; i < 20; i++)
            Assert.NotNull(await queue.TroubleAsync(Stop));
        await Broker.StartAsync(Stop);
        await UntilPublishedAsync(queue, 2);

        Assert.Single(heard.Lines, line => line.Contains("is away", StringComparison.Ordinal));
        Assert.Single(heard.Lines, line => line.Contains("is back", StringComparison.Ordinal));
    }

    private RabbitMqJobQueue Another()
    {
        var queue = new RabbitMqJobQueue(options, TimeProvider.System, heard);
        made.Add(queue);
        return queue;
    }

    // The queue tries the broker once a second at most, and a caller in between is told what the last try found.
    private static async Task UntilPublishedAsync(IJobQueue queue, int cell)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (await queue.TroubleAsync(Stop) is not null)
            await timer.WaitForNextTickAsync(Stop);
        await queue.PublishAsync(Some.Order(cell), Stop);
    }

    private async Task WithChannelAsync(Func<IChannel, Task> use)
    {
        var factory = new ConnectionFactory { HostName = "127.0.0.1", Port = Broker.Port };
        await using var connection = await factory.CreateConnectionAsync(Stop);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Stop);
        await use(channel);
    }

    private sealed class Heard : ILogger<RabbitMqJobQueue>
    {
        private readonly List<string> lines = [];

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (lines)
                    return [.. lines];
            }
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            lock (lines)
                lines.Add(formatter(state, exception) + exception);
        }
    }
}
