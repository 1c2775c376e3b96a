using Microsoft.Extensions.Time.Testing;
using TestGrid.Runner.Queues;
using TestGrid.Tests.Contracts;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Store.Sqlite;

public sealed class SqliteJobQueueTests : JobQueueContract, IAsyncDisposable
{
    private readonly TestStore store = new(new FakeTimeProvider());

    protected override IJobQueue Create() => store.Queue;

    public ValueTask DisposeAsync() => store.DisposeAsync();

    [Fact]
    public async Task What_was_not_acknowledged_comes_again_after_a_crash()
    {
        await store.Queue.PublishAsync(Some.Order(1), Stop);
        await store.Queue.PublishAsync(Some.Order(2), Stop);
        await store.Queue.PublishAsync(Some.Order(3), Stop);
        await using (var done = await store.Queue.ReceiveAsync("one", Stop))
            await done.AcknowledgeAsync(Stop);
        _ = await store.Queue.ReceiveAsync("one", Stop); // out when the crash comes
        await store.AbandonAsync();

        await using var next = new TestStore(store.Time, store.Path);

        await using var second = await next.Queue.ReceiveAsync("one", Stop);
        await using var third = await next.Queue.ReceiveAsync("one", Stop);
        Assert.Equal([2, 3], [second.Order.Id.Cell, third.Order.Id.Cell]);
    }
}
