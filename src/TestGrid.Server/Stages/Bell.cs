namespace TestGrid.Server.Stages;

/// <summary>
/// A wake-up that carries nothing: who hears it looks at durable state again. A ring may be lost and nothing but time is.
/// </summary>
public sealed class Bell
{
    private TaskCompletionSource ring = Fresh();

    /// <summary>Ends at the next ring. Take it before you look: what rings after that is not missed.</summary>
    public Task NextRing => Volatile.Read(ref ring).Task;

    /// <summary>Wakes whoever waits. Costs next to nothing when nobody does.</summary>
    public void Ring() => Interlocked.Exchange(ref ring, Fresh()).TrySetResult();

    // Asynchronously, or the listener would run on the thread of whoever rings: the store's writer, say.
    private static TaskCompletionSource Fresh() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

public static class Rings
{
    extension(Task ring)
    {
        /// <summary>Waits for the ring, but no longer than <paramref name="atMost"/>: others may not ring our bell.</summary>
        public async Task OrAfter(TimeSpan atMost, TimeProvider time, CancellationToken stop)
        {
            try
            {
                await ring.WaitAsync(atMost, time, stop);
            }
            catch (TimeoutException) { }
        }
    }
}
