using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Output;
using TestGrid.Server.Stages;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Dashboard;

/// <summary>
/// Builds and jobs as they change: each time the whole of it as UTF-8 JSON, so that nobody merges differences. The
/// same JSON twice is sent once.
/// </summary>
public sealed class BuildWatcher(
    BuildViews views,
    RunnerViews runners,
    ConditionWatch condition,
    Bells bells,
    TimeProvider time
)
{
    private const int PageSize = 50;
    private static readonly TimeSpan PollTime = TimeSpan.FromSeconds(5);

    // Many jobs change at once. The first changes after a quiet time are told at once, as many as one job makes; the
    // rest together.
    private const int Burst = 8;
    private static readonly TimeSpan Each = TimeSpan.FromMilliseconds(50);

    /// <summary>The newest builds, of one repository or of all.</summary>
    public IAsyncEnumerable<byte[]> WatchListAsync(string? repository, CancellationToken stop) =>
        WatchAsync(
            () => bells.Builds.NextRing,
            () => views.List(repository, null, PageSize),
            DashboardJson.Default.BuildList,
            _ => false,
            stop
        );

    /// <summary>A build and its grid; ends when every one of its jobs is over. Empty when there is no such build.</summary>
    public IAsyncEnumerable<byte[]> WatchBuildAsync(long id, CancellationToken stop) =>
        WatchAsync(
            () => bells.OfBuild(id).NextRing,
            () => views.Build(id),
            DashboardJson.Default.BuildDetail,
            detail => detail.Build.FinishedAt is not null && detail.Jobs.All(job => job.State.IsFinal),
            stop
        );

    /// <summary>A job and its attempts; ends when it is over. Empty when there is no such job.</summary>
    public IAsyncEnumerable<byte[]> WatchJobAsync(JobId id, CancellationToken stop) =>
        WatchAsync(
            // Its build too: a page shows how far that is.
            () => Task.WhenAny(bells.OfJob(id).NextRing, bells.OfBuild(id.Build).NextRing),
            () => views.Job(id),
            DashboardJson.Default.JobDetail,
            detail => detail.Job.State.IsFinal && detail.Build.FinishedAt is not null,
            stop
        );

    /// <summary>Every runner, what it runs, and when it was last heard.</summary>
    public IAsyncEnumerable<byte[]> WatchRunnersAsync(CancellationToken stop) =>
        WatchAsync(
            // Builds too: a job that starts or ends is one that a runner has or has not.
            () => Task.WhenAny(bells.Runners.NextRing, bells.Builds.NextRing),
            runners.List,
            DashboardJson.Default.RunnerList,
            _ => false,
            stop
        );

    /// <summary>How the server is.</summary>
    public IAsyncEnumerable<byte[]> WatchConditionAsync(CancellationToken stop) =>
        WatchAsync(
            () => bells.Condition.NextRing,
            () => condition.Last,
            DashboardJson.Default.ConditionRecord,
            _ => false,
            stop
        );

    private async IAsyncEnumerable<byte[]> WatchAsync<T>(
        Func<Task> nextRing,
        Func<T?> look,
        JsonTypeInfo<T> json,
        Func<T, bool> isLast,
        [EnumeratorCancellation] CancellationToken stop
    )
        where T : class
    {
        byte[] told = [];
        var pace = new Pace(Each, Burst, time);
        while (true)
        {
            var ring = nextRing(); // before the look: what changes after it is seen in the next round
            pace.Sent(); // looking is what costs
            if (look() is not { } seen)
                yield break;
            var bytes = JsonSerializer.SerializeToUtf8Bytes(seen, json);
            if (!bytes.AsSpan().SequenceEqual(told))
            {
                told = bytes;
                yield return bytes;
            }
            if (isLast(seen))
                yield break;
            await ring.OrAfter(PollTime, time, stop);
            if (pace.Rest is var rest && rest > TimeSpan.Zero)
                await Task.Delay(rest, time, stop);
        }
    }
}
