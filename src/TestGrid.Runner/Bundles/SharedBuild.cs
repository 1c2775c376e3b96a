using System.Diagnostics.CodeAnalysis;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// One build and all who wait for it. A waiter who goes away takes nothing from the others; when the last one has
/// gone, the build is stopped.
/// </summary>
[SuppressMessage(
    "Design",
    "CA1001",
    Justification = "The token source has no timer; disposing it would race with a waiter who leaves."
)]
internal sealed class SharedBuild : IProgress<BundleProgress>
{
    private readonly Lock one = new();
    private readonly CancellationTokenSource last = new();
    private readonly List<IProgress<BundleProgress>> listeners = [];
    private Task? building;
    private BundleProgress? heard;
    private bool over;

    /// <summary>Whether nobody can join any more.</summary>
    public bool IsOver
    {
        get
        {
            lock (one)
                return over;
        }
    }

    /// <summary>
    /// Waits for the build; false when it is already being stopped, so that the caller starts another.
    /// </summary>
    public async Task<bool> JoinAsync(
        Func<IProgress<BundleProgress>, CancellationToken, Task> build,
        IProgress<BundleProgress> listener,
        CancellationToken stop
    )
    {
        Task joined;
        lock (one)
        {
            if (over)
                return false;
            listeners.Add(listener);
            joined = building ??= Task.Run(() => build(this, last.Token), CancellationToken.None);
            if (heard is { } progress)
                listener.Report(progress);
        }
        try
        {
            await joined.WaitAsync(stop);
            return true;
        }
        finally
        {
            await LeaveAsync(listener, joined);
        }
    }

    public void Report(BundleProgress value)
    {
        lock (one)
        {
            heard = value;
            foreach (var listener in listeners)
                listener.Report(value);
        }
    }

    private async Task LeaveAsync(IProgress<BundleProgress> listener, Task joined)
    {
        lock (one)
        {
            listeners.Remove(listener);
            over |= joined.IsCompleted || listeners.Count == 0;
            if (listeners.Count > 0)
                return;
        }
        if (joined.IsCompleted)
            return;
        // The last to leave sees to it that no process of the build is left.
        await last.CancelAsync();
        await joined.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
