namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// Pods made in advance, so that a job need not wait for namespaces and network. A pod leaves the pool once and never
/// comes back: fresh is fresh.
/// </summary>
/// <param name="make">Makes a pod for a network.</param>
/// <param name="size">How many wait for each kind of network that was ever asked for.</param>
/// <param name="time">The clock.</param>
internal sealed class PodPool(Func<SandboxNetwork, CancellationToken, Task<Pod>> make, int size, TimeProvider time)
    : IAsyncDisposable,
        IDisposable
{
    private static readonly TimeSpan Lull = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource closing = new();
    private readonly Lock gate = new();
    private readonly Dictionary<SandboxNetwork, Queue<Task<Pod>>> waiting = [];

    /// <summary>A pod that waited, or one made now. It is the caller's.</summary>
    /// <param name="network">What it shall reach.</param>
    /// <param name="fits">Whether a pod that waited is still as it would be made now.</param>
    /// <exception cref="SandboxException">The machine refused a step.</exception>
    public async Task<Pod> TakeAsync(SandboxNetwork network, Func<Pod, bool> fits, CancellationToken stop)
    {
        while (Next(network) is { } next)
        {
            try
            {
                var pod = await next.WaitAsync(stop);
                if (pod.IsWhole && fits(pod))
                    return pod;
                await pod.DisposeAsync();
            }
            catch (OperationCanceledException)
            {
                _ = DisposeLaterAsync(next);
                stop.ThrowIfCancellationRequested();
            }
            catch (SandboxException) { } // the one made now says it again, to somebody who listens
        }
        // One made now would lie in a folder that is no longer locked, and so nobody's.
        ObjectDisposedException.ThrowIf(closing.IsCancellationRequested, this);
        return await make(network, stop);
    }

    /// <summary>
    /// Makes as many as shall wait for this network, a little later: not while the job that took one is starting.
    /// Returns at once.
    /// </summary>
    public void FillSoon(SandboxNetwork network)
    {
        if (size > 0 && !closing.IsCancellationRequested)
            _ = FillAsync(network);
    }

    /// <summary>How many wait, made and whole.</summary>
    public int CountWhole()
    {
        lock (gate)
            return waiting.Values.Sum(queue =>
                queue.Count(made => made.IsCompletedSuccessfully && made.Result.IsWhole)
            );
    }

    /// <summary>Ends those that wait.</summary>
    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(Close().Select(DisposeLaterAsync));
    }

    private async Task FillAsync(SandboxNetwork network)
    {
        try
        {
            await Task.Delay(Lull, time, closing.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        lock (gate)
        {
            if (closing.IsCancellationRequested)
                return;
            if (!waiting.TryGetValue(network, out var queue))
                waiting[network] = queue = [];
            while (queue.Count < size)
                queue.Enqueue(Task.Run(() => make(network, closing.Token), closing.Token));
        }
    }

    /// <summary>Lets go of those that wait, and waits for nothing: they end, and their folders stay.</summary>
    public void Dispose()
    {
        foreach (var making in Close())
        {
            if (making.IsCompletedSuccessfully)
                making.Result.EndLifeline();
            else
                _ = DisposeLaterAsync(making);
        }
    }

    private List<Task<Pod>> Close()
    {
        lock (gate)
        {
            closing.Cancel(); // not disposed: a filler may still look at it
            List<Task<Pod>> left = [.. waiting.Values.SelectMany(queue => queue)];
            waiting.Clear();
            return left;
        }
    }

    private Task<Pod>? Next(SandboxNetwork network)
    {
        lock (gate)
            return waiting.TryGetValue(network, out var queue) && queue.TryDequeue(out var next) ? next : null;
    }

    private static async Task DisposeLaterAsync(Task<Pod> making)
    {
        try
        {
            await (await making).DisposeAsync();
        }
        catch (Exception e) when (e is OperationCanceledException or SandboxException) { } // it never came to be
    }
}
