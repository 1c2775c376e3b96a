using System.Collections.Concurrent;
using TestGrid.Core.Orders;
using TestGrid.Runner.Queues;

namespace TestGrid.Server.Recording;

/// <summary>
/// The queue for runners that ask over HTTP. Each asking has a name of the runner's making: one that is asked again gets
/// the same order again, and an order that nobody settles goes back after a while. Called from many threads at once.
/// </summary>
/// <remarks>The other half is <c>Runner/Queues/Http/HttpJobQueue.cs</c>.</remarks>
public sealed class HandedOrders(IJobQueue queue, TimeProvider time)
{
    // A claim takes milliseconds; a runner whose answer was lost asks again within seconds.
    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Never = Timeout.InfiniteTimeSpan;

    private readonly ConcurrentDictionary<(long Token, string Name), Asking> askings = new();

    /// <summary>Waits for the next order; null when none came within <paramref name="hold"/>, or it was given up.</summary>
    public async ValueTask<JobOrder?> AskAsync(
        long token,
        string name,
        string runner,
        TimeSpan hold,
        CancellationToken gone
    )
    {
        var asking = askings.GetOrAdd((token, name), _ => new Asking());
        try
        {
            var delivery = await asking.Receive(queue, runner).WaitAsync(hold, time, gone);
            asking.Expect(time.CreateTimer(_ => _ = SettleAsync(token, name, false).AsTask(), null, SettleTime, Never));
            return delivery.Order;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            await SettleAsync(token, name, acknowledged: false);
            return null;
        }
    }

    /// <summary>The order is claimed, or refused, or not wanted: it leaves the queue, or goes back.</summary>
    public async ValueTask SettleAsync(long token, string name, bool acknowledged)
    {
        if (!askings.TryRemove((token, name), out var asking))
            return;
        await asking.SettleAsync(acknowledged);
        asking.Dispose();
    }

    private sealed class Asking : IDisposable
    {
        private readonly CancellationTokenSource over = new();
        private readonly Lock gate = new();
        private Task<JobDelivery>? receiving;
        private ITimer? expiry;

        public Task<JobDelivery> Receive(IJobQueue queue, string runner)
        {
            lock (gate)
                return receiving ??= queue.ReceiveAsync(runner, over.Token).AsTask();
        }

        public void Expect(ITimer timer)
        {
            lock (gate)
            {
                expiry?.Dispose();
                expiry = timer;
            }
        }

        public void Dispose() => over.Dispose();

        public async ValueTask SettleAsync(bool acknowledged)
        {
            Task<JobDelivery>? received;
            lock (gate)
            {
                expiry?.Dispose();
                received = receiving;
            }
            await over.CancelAsync();
            if (received is null)
                return;
            try
            {
                await using var delivery = await received;
                if (acknowledged)
                    await delivery.AcknowledgeAsync(CancellationToken.None);
            }
            catch (OperationCanceledException)
            {
                // Nothing had come yet.
            }
        }
    }
}
