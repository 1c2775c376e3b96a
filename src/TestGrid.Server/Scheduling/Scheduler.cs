using Microsoft.Extensions.Logging;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Queues;
using TestGrid.Server.Stages;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Scheduling;

/// <summary>
/// The stage that gives waiting jobs to the queue, oldest first and only as many as runners have room for: so order,
/// fairness and cancelling are decided in the store, at the last moment. Jobs that stay learn what they wait for.
/// </summary>
public sealed partial class Scheduler(
    JobStore jobs,
    IJobQueue queue,
    RunnerRoom room,
    Bells bells,
    TimeProvider time,
    ILogger<Scheduler> log
) : Stage(bells.Room, time, log)
{
    private const int Look = 1000; // more jobs than this wait for their words, not for their turn

    protected override async Task<bool> DoOneAsync(CancellationToken stop)
    {
        var waiting = jobs.Waiting(Look);
        if (waiting.IsEmpty)
            return false;
        var busy = jobs.Busy().ToDictionary(row => row.Repository, row => row.Count);
        var used = busy.Values.Sum();
        var taken = new List<JobId>();
        var words = new List<(JobId, string)>();
        foreach (var job in waiting)
        {
            var ofRepository = busy.GetValueOrDefault(job.Repository);
            if (WaitsFor(used, ofRepository) is { } reason)
            {
                if (job.WaitsFor != reason)
                    words.Add((job.Id, reason));
                continue;
            }
            taken.Add(job.Id);
            busy[job.Repository] = ofRepository + 1;
            used++;
        }
        await Task.WhenAll(taken.Select(job => EnqueueAsync(job, stop)));
        await jobs.SayWaitsAsync([.. words], stop);
        foreach (var (job, _) in words)
            bells.JobChanged(job);
        return false; // all that there was to do is done; the next change rings
    }

    private async Task EnqueueAsync(JobId job, CancellationToken stop)
    {
        // Both are handed to the writer now and go into one group. In this order: should only the first get to the
        // disk, the job is queued once more at worst and the recorder refuses the second claim.
        var published = queue.PublishAsync(jobs.Order(job), stop).AsTask();
        var marked = jobs.EnqueuedAsync(job, stop);
        await published;
        await marked; // false when a runner was quicker than this mark
        bells.JobChanged(job);
        JobEnqueued(log, job);
    }

    private string? WaitsFor(int used, int ofRepository)
    {
        if (room.IsEmpty)
            return "no runner is connected";
        if (used >= room.Slots)
            return $"no free slot ({Math.Min(used, room.Slots)} of {room.Slots} busy)";
        return room.PerRepository > 0 && ofRepository >= room.PerRepository
            ? $"its repository runs {ofRepository} jobs, which is its limit"
            : null;
    }

    [LoggerMessage(LogLevel.Debug, "Job {Job} is on the queue")]
    private static partial void JobEnqueued(ILogger log, JobId job);
}
