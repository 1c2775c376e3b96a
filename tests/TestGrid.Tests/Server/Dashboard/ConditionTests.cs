using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.SignalR.Client;
using TestGrid.Runner.Queues;
using TestGrid.Server.Dashboard;
using TestGrid.Tests.Server.Support;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Server.Dashboard;

/// <summary>What the dashboard is told while something that the server needs is away: here a real broker.</summary>
[Collection(SharedBroker.Name)]
public sealed class ConditionTests(SharedBroker.Running shared) : IAsyncLifetime
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private RabbitBroker Broker => shared.Broker;

    public async ValueTask InitializeAsync()
    {
        if (!Broker.IsRunning)
            await Broker.StartAsync(Stop); // a test that failed left it so
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_broker_that_dies_is_told_to_who_watches_and_so_is_its_return()
    {
        await using var server = await TestServer.StartAsync(queue: new QueueOptions { Url = Broker.Url });
        await using var hub = await server.ConnectAsync();
        await using var told = WatchAsync(hub).GetAsyncEnumerator(Stop);
        Assert.True(await told.MoveNextAsync());
        Assert.Empty(told.Current.Troubles);

        var before = DateTimeOffset.UtcNow;
        await Broker.KillAsync();
        TroubleRecord trouble;
        do
        {
            Assert.True(await told.MoveNextAsync());
            trouble = Assert.Single(told.Current.Troubles);
        } while (trouble.Remedy.StartsWith("rabbitmq-diagnostics", StringComparison.Ordinal)); // it resets, dying
        using (var ready = await server.Stranger.GetAsync("/readyz", Stop))
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        var asked = await AskAsync(server);
        await Broker.StartAsync(Stop);
        do Assert.True(await told.MoveNextAsync());
        while (!told.Current.Troubles.IsEmpty);

        Assert.Equal(("queue", "The queue is away"), (trouble.Part, trouble.Title));
        Assert.Contains("Webhooks are taken, and their jobs wait", trouble.Detail, StringComparison.Ordinal);
        Assert.StartsWith("systemctl start rabbitmq-server", trouble.Remedy, StringComparison.Ordinal);
        Assert.InRange(trouble.Since, before.AddSeconds(-1), before.AddSeconds(20));
        Assert.Equal(trouble.Since, Assert.Single(asked.Troubles).Since); // since it began, not since somebody looked
        Assert.Empty((await AskAsync(server)).Troubles);
    }

    private static async Task<ConditionRecord> AskAsync(TestServer server)
    {
        using var answer = await server.Admin.GetAsync("/api/v1/condition", Stop);
        return (await TestServer.ReadAsync<ConditionRecord>(answer))!;
    }

    private static async IAsyncEnumerable<ConditionRecord> WatchAsync(HubConnection hub)
    {
        await foreach (var bytes in hub.StreamAsyncCore<byte[]>("Condition", [], Stop))
            yield return JsonSerializer.Deserialize<ConditionRecord>(bytes, TestServer.Json)!;
    }
}
