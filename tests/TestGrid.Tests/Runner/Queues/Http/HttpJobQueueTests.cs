using TestGrid.Core.Orders;
using TestGrid.Runner.Queues;
using TestGrid.Tests.Contracts;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Runner.Queues.Http;

/// <summary>The runner's side of the contract, over a real server; publishing is the server's own.</summary>
public sealed class HttpJobQueueTests : JobQueueContract, IAsyncLifetime
{
    private TestServer server = null!;
    private RemoteSide remote = null!;

    public async ValueTask InitializeAsync()
    {
        server = await TestServer.StartAsync();
        remote = await RemoteSide.ConnectAsync(server);
    }

    public async ValueTask DisposeAsync()
    {
        await remote.DisposeAsync();
        await server.DisposeAsync();
    }

    protected override IJobQueue Create() => new BothSides(server.Get<IJobQueue>(), remote.Queue);

    [Fact]
    public async Task A_runner_publishes_nothing() =>
        await Assert.ThrowsAsync<NotSupportedException>(() => remote.Queue.PublishAsync(Some.Order(), Stop).AsTask());

    [Fact]
    public async Task An_asking_goes_on_after_the_server_was_away()
    {
        var waiting = remote.Queue.ReceiveAsync("one", Stop).AsTask();
        remote.Cable.Cut();
        await server.Get<IJobQueue>().PublishAsync(Some.Order(), Stop);
        Assert.False(waiting.IsCompleted);

        remote.Cable.Mend();

        await using var delivery = await waiting;
        Assert.Equal(Some.Order().Id, delivery.Order.Id);
    }

    [Fact]
    public async Task An_order_whose_answer_was_lost_comes_again_to_the_same_asking()
    {
        using var http = new HttpClient { BaseAddress = server.Url };
        http.DefaultRequestHeaders.Authorization = new("Bearer", remote.Token);
        const string asking = "/api/v1/runner/orders/00000000000000000000000000000001?runner=one&wait=10";
        await server.Get<IJobQueue>().PublishAsync(Some.Order(1), Stop);
        await server.Get<IJobQueue>().PublishAsync(Some.Order(2), Stop);

        using var first = await http.PutAsync(asking, null, Stop);
        using var again = await http.PutAsync(asking, null, Stop);

        var order = await first.Content.ReadAsStringAsync(Stop);
        Assert.Contains("\"1.1\"", order, StringComparison.Ordinal);
        Assert.Equal(order, await again.Content.ReadAsStringAsync(Stop));
        await using var other = await remote.Queue.ReceiveAsync("two", Stop);
        Assert.Equal(2, other.Order.Id.Cell);
    }

    private sealed class BothSides(IJobQueue server, IJobQueue runner) : IJobQueue
    {
        public ValueTask PublishAsync(JobOrder order, CancellationToken stop) => server.PublishAsync(order, stop);

        public ValueTask<JobDelivery> ReceiveAsync(string runner1, CancellationToken stop) =>
            runner.ReceiveAsync(runner1, stop);
    }
}
