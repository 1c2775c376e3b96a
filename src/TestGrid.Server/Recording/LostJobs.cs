using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Queues;
using TestGrid.Server.Stages;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Recording;

/// <summary>
/// The stage that takes jobs back from runners that are not heard from. It also finds jobs that say queued and are on
/// no queue, which a crash between two writes can leave.
/// </summary>
public sealed class LostJobs(
    Recorder recorder,
    Leases leases,
    IJobQueue queue,
    Bells bells,
    TimeProvider time,
    ILogger<LostJobs> log
) : Stage(Nobody, time, log)
{
    // Jobs are queued when a runner has room for them, so it takes them at once. One that nobody takes may be on no
    // queue any more: the broker was made anew, another broker was chosen, a message could not be read.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private TimeProvider Time { get; } = time;
    private readonly Dictionary<JobId, long> queuedSince = [];
    private static readonly Bell Nobody = new(); // time alone wakes it

    private bool begun;

    // Half of what a lease lasts: so a lost job is found soon after it, whatever the operator set.
    protected override TimeSpan PollTime { get; } =
        TimeSpan.FromSeconds(Math.Clamp(leases.Time.TotalSeconds / 2, 1, 5));

    protected override async Task<bool> DoOneAsync(CancellationToken stop)
    {
        if (!begun)
        {
            await leases.ExtendAllAsync(stop);
            begun = true;
        }
        var strays = queue.IsInStore ? await leases.RequeueStrayAsync(stop) : await RequeueOverdueAsync(stop);
        foreach (var job in strays)
            bells.JobChanged(job);
        if (!strays.IsEmpty)
            bells.Room.Ring();
        return await recorder.ReturnExpiredAsync(stop);
    }

    private async Task<ImmutableArray<JobId>> RequeueOverdueAsync(CancellationToken stop)
    {
        var queued = leases.Queued().ToHashSet();
        foreach (var taken in queuedSince.Keys.Except(queued).ToArray())
            queuedSince.Remove(taken);
        foreach (var job in queued)
            queuedSince.TryAdd(job, Time.GetTimestamp());
        ImmutableArray<JobId> overdue =
        [
            .. queuedSince.Where(job => Time.GetElapsedTime(job.Value) > Patience).Select(job => job.Key),
        ];
        if (!overdue.IsEmpty)
            await leases.RequeueAsync(overdue, stop);
        foreach (var job in overdue)
            queuedSince.Remove(job);
        return overdue;
    }
}
