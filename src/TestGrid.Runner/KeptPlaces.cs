using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner;

/// <summary>
/// The places of failed jobs, kept for a while so that a person can look around in them. They hold no slot. At most
/// <see cref="RunnerOptions.KeepFailedAtMost"/> are kept, each for <see cref="RunnerOptions.KeepFailed"/>: one more sends
/// the oldest away that nobody visits. The kernel ends them with this process, as all sandboxes.
/// </summary>
public sealed partial class KeptPlaces(IOptions<RunnerOptions> options, TimeProvider time, ILogger<KeptPlaces> log)
    : IAsyncDisposable,
        IDisposable
{
    private readonly Lock gate = new();
    private readonly List<KeptPlace> kept = [];
    private readonly List<Task> leaving = [];
    private bool over;

    /// <summary>For how long a place is kept.</summary>
    public TimeSpan KeepFor => options.Value.KeepFailed;

    /// <summary>Whether such a job's place is kept when it fails: never a stranger's.</summary>
    public bool Wants(JobOrder order) =>
        KeepFor > TimeSpan.Zero
        && options.Value.KeepFailedAtMost > 0
        && order.Trigger.PullRequest is not { IsFork: true };

    /// <summary>Takes a place over, whose command has ended. It is ended here when it cannot be kept.</summary>
    /// <returns>Whether it is kept.</returns>
    /// <param name="id">Whose it was.</param>
    /// <param name="place">The place.</param>
    /// <param name="shell">What a visitor runs, without a terminal yet.</param>
    public bool Keep(JobId id, JobPlace place, SandboxCommand shell)
    {
        var one = new KeptPlace(id, place, shell, time.GetUtcNow() + KeepFor);
        lock (gate)
        {
            // Tried again: the place of the newest try is the one that is asked for.
            foreach (var before in kept.Where(other => other.Id == id && !other.IsVisited).ToList())
                LetGo(before);
            while (kept.Count >= options.Value.KeepFailedAtMost && kept.Find(other => !other.IsVisited) is { } oldest)
                LetGo(oldest);
            if (over || kept.Count >= options.Value.KeepFailedAtMost)
            {
                leaving.Add(EndAsync(one));
                return false;
            }
            kept.Add(one);
            one.Timer = time.CreateTimer(_ => TimeIsUp(one), null, KeepFor, Timeout.InfiniteTimeSpan);
            return true;
        }
    }

    /// <summary>Until when a job's place is kept at least, or null when it is not.</summary>
    public DateTimeOffset? Until(JobId id)
    {
        lock (gate)
            return kept.FindLast(one => one.Id == id)?.Until;
    }

    /// <summary>Enters a job's place: one visitor at a time. Dispose of the visit to leave.</summary>
    /// <param name="id">Whose.</param>
    /// <param name="visit">The visit, or null when there is no such place, or somebody is in it.</param>
    /// <returns>Whether there is such a place.</returns>
    public bool TryEnter(JobId id, out KeptVisit? visit)
    {
        lock (gate)
        {
            visit = null;
            if (kept.FindLast(one => one.Id == id) is not { } found)
                return false;
            if (!found.IsVisited)
            {
                found.IsVisited = true;
                visit = new KeptVisit(found.Place.Sandbox, found.Shell, time, good => Leave(found, good));
            }
            return true;
        }
    }

    /// <summary>Ends all of them, and keeps none from then on. Returns when they are gone.</summary>
    public async ValueTask DisposeAsync()
    {
        Task[] all;
        lock (gate)
        {
            over = true;
            foreach (var one in kept.ToList())
                LetGo(one);
            all = [.. leaving];
        }
        await Task.WhenAll(all);
    }

    /// <summary>The same without waiting: they end with this process, and the next start sweeps what is left.</summary>
    public void Dispose() { }

    private void Leave(KeptPlace one, bool good)
    {
        lock (gate)
        {
            one.IsVisited = false;
            if (kept.Contains(one) && (!good || time.GetUtcNow() >= one.Until))
                LetGo(one);
        }
    }

    // Nobody is thrown out: it ends when the visitor leaves.
    private void TimeIsUp(KeptPlace one)
    {
        lock (gate)
        {
            if (!one.IsVisited && kept.Contains(one))
                LetGo(one);
        }
    }

    private void LetGo(KeptPlace one)
    {
        kept.Remove(one);
        leaving.RemoveAll(task => task.IsCompleted);
        leaving.Add(EndAsync(one));
    }

    private async Task EndAsync(KeptPlace one)
    {
        await Task.Yield();
        if (one.Timer is { } timer)
            await timer.DisposeAsync();
        try
        {
            await one.Place.DisposeAsync();
        }
        catch (Exception e)
        {
            NotEnded(log, e, one.Id);
        }
    }

    [LoggerMessage(LogLevel.Error, "The kept place of job {Job} is not wholly given back; the next start sweeps it")]
    private static partial void NotEnded(ILogger log, Exception cause, JobId job);

    private sealed class KeptPlace(JobId id, JobPlace place, SandboxCommand shell, DateTimeOffset until)
    {
        public JobId Id => id;
        public JobPlace Place => place;
        public SandboxCommand Shell => shell;
        public DateTimeOffset Until => until;
        public bool IsVisited { get; set; }
        public ITimer? Timer { get; set; }
    }
}
