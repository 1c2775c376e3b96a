namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// Pods made in advance, so that a job need not wait for namespaces and network. A pod leaves the pool once and never
/// comes back: fresh is fresh.
/// </summary>
/// <param name="make">Makes a pod for a network.</param>
/// <param name="size">How many wait for each kind of network that was ever asked for.</param>
internal sealed class PodPool(Func<SandboxNetwork, CancellationToken, Task<Pod>> make, int size) : IAsyncDisposable
{
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
                if (pod.Lives && fits(pod))
                    return pod;
                await pod.DisposeAsync();
            }
            catch (OperationCanceledException)
            {
                _ = DisposeLaterAsync(next);
                throw;
            }
            catch (SandboxException) { } // the one made now says it again, to somebody who listens
        }
        return await make(network, stop);
    }

    /// <summary>Makes as many as shall wait for this network. Returns at once.</summary>
    public void Fill(SandboxNetwork network)
    {
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

    /// <summary>Ends those that wait.</summary>
    public async ValueTask DisposeAsync()
    {
        List<Task<Pod>> left;
        lock (gate)
        {
            if (closing.IsCancellationRequested)
                return;
            closing.Cancel();
            left = [.. waiting.Values.SelectMany(queue => queue)];
            waiting.Clear();
        }
        await Task.WhenAll(left.Select(DisposeLaterAsync));
        closing.Dispose();
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
