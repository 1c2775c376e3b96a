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
    private const int Look = 1000; // those behind them wait for their turn, and are told no more than that

    private bool away;

    // A queue that is away rings no bell when it comes back.
    protected override TimeSpan PollTime => away ? TimeSpan.FromSeconds(1) : base.PollTime;

    protected override async Task<bool> DoOneAsync(CancellationToken stop)
    {
        var waiting = jobs.Waiting(Look);
        if (waiting.IsEmpty)
            return false;
        var all = jobs.Busy();
        var busy = all.GroupBy(row => row.Repository)
            .ToDictionary(rows => rows.Key, rows => rows.Sum(row => row.Count));
        var ofBuilds = all.ToDictionary(row => row.Build, row => row.Count);
        var used = all.Sum(row => row.Count);
        var taken = new List<JobId>();
        var words = new List<(JobId, string)>();
        foreach (var job in waiting)
        {
            var ofRepository = busy.GetValueOrDefault(job.Repository);
            var ofBuild = ofBuilds.GetValueOrDefault(job.Id.Build);
            if ((WaitsFor(used, ofRepository) ?? WaitsFor(job, ofBuild)) is { } reason)
            {
                if (job.WaitsFor != reason)
                    words.Add((job.Id, reason));
                continue;
            }
            taken.Add(job.Id);
            busy[job.Repository] = ofRepository + 1;
            ofBuilds[job.Id.Build] = ofBuild + 1;
            used++;
        }
        var troubles = await Task.WhenAll(taken.Select(job => EnqueueAsync(job, stop)));
        var trouble = troubles.FirstOrDefault(one => one is not null);
        away = trouble is not null;
        // Room is not what they lack, any of them: this stage is their outbox until the queue is back.
        if (trouble is not null)
            words = [.. waiting.Where(job => job.WaitsFor != trouble).Select(job => (job.Id, trouble))];
        await jobs.SayWaitsAsync([.. words], stop);
        foreach (var (job, _) in words)
            bells.JobChanged(job);
        return false; // all that there was to do is done; the next change rings
    }

    /// <summary>Null, or in words why the queue did not take it.</summary>
    private async Task<string?> EnqueueAsync(JobId job, CancellationToken stop)
    {
        try
        {
            // In this order: a crash in between, or a confirmation that got lost, queues the job once more at worst,
            // and the recorder refuses the second claim. The other order could leave it marked and on no queue.
            await queue.PublishAsync(jobs.Order(job), stop);
        }
        catch (QueueAwayException e)
        {
            return e.Message;
        }
        await jobs.EnqueuedAsync(job, stop); // false when a runner was quicker than this mark
        bells.JobChanged(job);
        JobEnqueued(log, job);
        return null;
    }

    private static string? WaitsFor(WaitingJob job, int ofBuild) =>
        job.MaxParallel is { } most && ofBuild >= most
            ? $"{ofBuild} jobs of its build run, which is max_parallel"
            : null;

    private string? WaitsFor(int used, int ofRepository)
    {
        if (room.IsEmpty)
            return room.Missed is { } missed ? $"no runner is connected: {missed}" : "no runner is connected";
        if (used >= room.Slots)
        {
            var busy = $"{Math.Min(used, room.Slots)} of {room.Slots} busy";
            return room.Missed is { } away ? $"no free slot ({busy}; {away})" : $"no free slot ({busy})";
        }
        return room.PerRepository > 0 && ofRepository >= room.PerRepository
            ? $"its repository runs {ofRepository} jobs, which is its limit"
            : null;
    }

    [LoggerMessage(LogLevel.Debug, "Job {Job} is on the queue")]
    private static partial void JobEnqueued(ILogger log, JobId job);
}
