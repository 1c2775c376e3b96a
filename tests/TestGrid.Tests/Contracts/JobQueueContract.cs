using TestGrid.Runner.Queues;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Contracts;

/// <summary>What every queue promises: at least once, oldest first, and back again when nobody acknowledged.</summary>
public abstract class JobQueueContract
{
    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>A queue with nothing in it; each call in one test gives one over the same orders.</summary>
    protected abstract IJobQueue Create();

    [Fact]
    public async Task An_order_comes_out_whole()
    {
        var queue = Create();
        var order = Some.Order(cell: 3);
        await queue.PublishAsync(order, Stop);

        await using var delivery = await queue.ReceiveAsync("one", Stop);

        Assert.Equal(Some.Json(order), Some.Json(delivery.Order));
    }

    [Fact]
    public async Task The_oldest_comes_first()
    {
        var queue = Create();
        foreach (var cell in new[] { 2, 1, 3 })
            await queue.PublishAsync(Some.Order(cell), Stop);

        var cells = new List<int>();
        for (var i = 0; i < 3; i++)
        {
            await using var delivery = await queue.ReceiveAsync("one", Stop);
            cells.Add(delivery.Order.Id.Cell);
            await delivery.AcknowledgeAsync(Stop);
        }

        Assert.Equal([2, 1, 3], cells);
    }

    [Fact]
    public async Task A_receiver_waits_for_what_is_published_later()
    {
        var queue = Create();
        var waiting = queue.ReceiveAsync("one", Stop).AsTask();
        Assert.False(waiting.IsCompleted);

        await queue.PublishAsync(Some.Order(), Stop);

        await using var delivery = await waiting;
        Assert.Equal(Some.Order().Id, delivery.Order.Id);
    }

    [Fact]
    public async Task A_delivery_that_is_not_acknowledged_goes_back()
    {
        var queue = Create();
        await queue.PublishAsync(Some.Order(), Stop);

        await (await queue.ReceiveAsync("one", Stop)).DisposeAsync();

        await using var again = await queue.ReceiveAsync("two", Stop);
        Assert.Equal(Some.Order().Id, again.Order.Id);
    }

    [Fact]
    public async Task An_acknowledged_order_does_not_come_again()
    {
        var queue = Create();
        await queue.PublishAsync(Some.Order(1), Stop);
        await using (var first = await queue.ReceiveAsync("one", Stop))
            await first.AcknowledgeAsync(Stop);
        await queue.PublishAsync(Some.Order(2), Stop);

        await using var next = await queue.ReceiveAsync("one", Stop);

        Assert.Equal(2, next.Order.Id.Cell);
    }

    [Fact]
    public async Task The_same_job_may_be_published_while_it_is_out()
    {
        var queue = Create();
        await queue.PublishAsync(Some.Order(), Stop);
        await using var first = await queue.ReceiveAsync("one", Stop);
        await queue.PublishAsync(Some.Order(), Stop);

        await first.AcknowledgeAsync(Stop); // late: it must not take the newer one away

        await using var second = await queue.ReceiveAsync("two", Stop);
        Assert.Equal(Some.Order().Id, second.Order.Id);
    }

    [Fact]
    public async Task A_receiver_that_gives_up_takes_nothing_with_it()
    {
        var queue = Create();
        using var impatient = new CancellationTokenSource();
        var waiting = queue.ReceiveAsync("one", impatient.Token).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);

        await queue.PublishAsync(Some.Order(), Stop);

        await using var delivery = await queue.ReceiveAsync("two", Stop);
        Assert.Equal(Some.Order().Id, delivery.Order.Id);
    }

    [Fact]
    public async Task Many_receivers_get_each_order_once()
    {
        var queue = Create();
        const int Count = 60;
        var received = Enumerable
            .Range(0, 6)
            .Select(async runner =>
            {
                var cells = new List<int>();
                for (var i = 0; i < Count / 6; i++)
                {
                    await using var delivery = await queue.ReceiveAsync($"{runner}", Stop);
                    await delivery.AcknowledgeAsync(Stop);
                    cells.Add(delivery.Order.Id.Cell);
                }
                return cells;
            })
            .ToList();
        await Task.WhenAll(
            Enumerable.Range(1, Count).Select(cell => queue.PublishAsync(Some.Order(cell), Stop).AsTask())
        );

        var cells = (await Task.WhenAll(received)).SelectMany(each => each).Order();

        Assert.Equal(Enumerable.Range(1, Count), cells);
    }
}
