using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Reporting;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Recording;

/// <summary>
/// The judge: the only writer of job states and logs. What it answers to a runner is the server's wish, so cancelling
/// needs no second connection. Called from many threads at once.
/// </summary>
/// <remarks>It keeps what it knows of running attempts in memory, to answer output without asking the store: that is
/// right because every change of them goes through here, and one process owns the store.</remarks>
public sealed partial class Recorder(
    JobStore jobs,
    Leases leases,
    LogFiles logs,
    Bells bells,
    TimeProvider time,
    ILogger<Recorder> log
) : IJobReporter
{
    private readonly ConcurrentDictionary<JobId, Held> held = new();

    private TimeSpan LeaseTime => leases.Time;

    public async ValueTask<JobClaim?> ClaimAsync(JobId job, string runner, CancellationToken stop)
    {
        var claimed = await jobs.ClaimAsync(job, runner, LeaseTime, stop);
        if (claimed is null)
            return null;
        var mine = new Held(claimed.Attempt, claimed.Token, JobWish.CarryOn, time.GetUtcNow() + LeaseTime);
        held[job] = mine;
        HearOfWish(job, mine);
        bells.JobChanged(job);
        JobClaimed(log, job, claimed.Attempt, runner);
        var lease = new JobLease(job, claimed.Attempt, claimed.Token);
        return new JobClaim(
            lease,
            LeaseTime,
            claimed.Secrets,
            claimed.Credential,
            claimed.Order,
            claimed.Before,
            claimed.Bundle
        )
        {
            ServiceBundles = claimed.ServiceBundles,
        };
    }

    public async ValueTask<JobWish> RenewAsync(JobLease lease, CancellationToken stop)
    {
        if (HeldBy(lease) is not { } mine)
            return JobWish.Fenced;
        // A runner may ask as often as it likes, to hear of a wish soon; the store is told only now and then.
        if (mine.Until - time.GetUtcNow() < LeaseTime * 0.7)
        {
            if (!await jobs.RenewAsync(lease.Job, lease.Token, LeaseTime, stop))
                return JobWish.Fenced;
            mine.Until = time.GetUtcNow() + LeaseTime;
        }
        return mine.Wish;
    }

    public async ValueTask<BundleDigest?> DecideBundleAsync(
        JobLease lease,
        string? service,
        BundleDigest mine,
        CancellationToken stop
    ) => HeldBy(lease) is null ? null : await jobs.DecideBundleAsync(lease.Job, lease.Token, service, mine, stop);

    public async ValueTask<JobWish> ReportAsync(JobLease lease, JobEvent happened, CancellationToken stop)
    {
        if (happened is JobFinished(var verdict))
            return await FinishAsync(lease, verdict, stop);
        if (HeldBy(lease) is not { } mine)
            return JobWish.Fenced;
        switch (happened)
        {
            case OutputWritten(var offset, var bytes):
                Write(lease, offset, bytes.Span);
                break;
            case JobWaits(var waitsFor):
                await jobs.WaitsAsync(lease.Job, lease.Token, waitsFor, stop);
                bells.JobChanged(lease.Job);
                break;
            case JobStarted started:
                var decided = await jobs.StartedAsync(lease.Job, lease.Token, started.Digest, stop);
                bells.JobChanged(lease.Job);
                if (decided is not null && decided != started.Digest)
                    return await RefuseBundleAsync(lease, started, decided, stop);
                break;
            case PhaseFinished phase:
                await jobs.PhaseAsync(lease.Job, lease.Attempt, phase, stop);
                bells.OfJob(lease.Job).Ring();
                break;
            case CommandFinished command:
                await jobs.CommandAsync(lease.Job, lease.Attempt, command, stop);
                bells.OfJob(lease.Job).Ring();
                break;
            default:
                throw new ArgumentException($"Nobody knows what {happened.GetType().Name} means.", nameof(happened));
        }
        return mine.Wish;
    }

    public async ValueTask ReleaseAsync(JobLease lease, string why, CancellationToken stop)
    {
        if (await leases.ReturnAsync(lease.Job, lease.Attempt, lease.Token, why, lost: false, stop))
            Returned([lease.Job], why);
    }

    public async ValueTask ReleaseAllAsync(string runner, CancellationToken stop)
    {
        var why = $"runner {runner} started again in the middle of it";
        // Counted as lost: a job that takes its runner down with it must not do so for ever.
        Returned(await leases.ReturnAllAsync(runner, why, stop), why);
    }

    /// <summary>Cancels a job: at once when it waits, through its runner when it runs.</summary>
    public async Task<CancelAnswer> CancelAsync(JobId job, string who, CancellationToken stop)
    {
        var answer = await leases.CancelAsync(job, $"cancelled by {who}", stop);
        Cancelled(job.Build, answer is CancelAnswer.Asked ? [job] : []);
        bells.JobChanged(job);
        return answer;
    }

    /// <summary>Cancels what is left of a build.</summary>
    public async Task<CancelAnswer> CancelBuildAsync(long build, string who, CancellationToken stop)
    {
        var (answer, asked) = await leases.CancelBuildAsync(build, $"cancelled by {who}", stop);
        Cancelled(build, asked);
        foreach (var job in asked)
            bells.OfJob(job).Ring();
        return answer;
    }

    /// <summary>Takes the jobs whose lease has run out from their runners. True when there was one.</summary>
    public async Task<bool> ReturnExpiredAsync(CancellationToken stop)
    {
        if (!leases.AnyExpired())
            return false;
        var lost = await leases.ReturnExpiredAsync(stop);
        Returned(lost, "its runner was not heard from");
        return !lost.IsEmpty;
    }

    private async ValueTask<JobWish> FinishAsync(JobLease lease, JobVerdict verdict, CancellationToken stop)
    {
        // The log first: whoever sees a job that is over may rely on its log being whole, also after a power cut.
        if (HeldBy(lease) is not null)
            logs.Finish(lease.Job, lease.Attempt);
        var finish = await jobs.FinishAsync(lease.Job, lease.Attempt, lease.Token, verdict, stop);
        if (!finish.IsKnown)
        {
            TooLate(log, lease.Job, lease.Attempt);
            return JobWish.Fenced;
        }
        Forget(lease.Job, lease.Attempt);
        JobEnded(log, lease.Job, lease.Attempt, verdict.State, verdict.Reason);
        if (finish.IsAgain)
            JobAgain(log, lease.Job);
        Cancelled(lease.Job.Build, finish.Asked);
        foreach (var other in finish.Asked)
            bells.OfJob(other).Ring();
        bells.JobChanged(lease.Job);
        bells.OutputOf(lease.Job).Ring(); // log readers wait for the end too
        return JobWish.CarryOn;
    }

    // A runner of an older version, or one that means ill: a build that mixes bundles says nothing about its commit.
    private async ValueTask<JobWish> RefuseBundleAsync(
        JobLease lease,
        JobStarted started,
        BundleDigest decided,
        CancellationToken stop
    )
    {
        var sentence =
            $"Runner {started.Runner} started it on bundle {started.Bundle} {started.Digest.Short}, but this build runs on "
            + $"{decided.Short}. Is the runner of an older version?";
        await FinishAsync(lease, new JobVerdict(JobState.Errored, JobReason.NoBundle, sentence), stop);
        return JobWish.Fenced;
    }

    private void Write(JobLease lease, long offset, ReadOnlySpan<byte> bytes)
    {
        // A lease lost between the check above and this line does no harm: the file is this attempt's own.
        if (!logs.Append(lease.Job, lease.Attempt, offset, bytes))
        {
            var end = logs.Length(lease.Job, lease.Attempt);
            throw new ReportGapException(
                $"Output of job {lease.Job}, attempt {lease.Attempt}, at {offset} does not follow its log of {end} bytes."
            );
        }
        bells.OutputOf(lease.Job).Ring();
    }

    private Held? HeldBy(JobLease lease)
    {
        if (!held.TryGetValue(lease.Job, out var known))
        {
            // Not in memory: the server started again while a runner went on.
            if (jobs.Wish(lease.Job, lease.Attempt, lease.Token) is not { } wish)
                return null;
            known = held.GetOrAdd(lease.Job, new Held(lease.Attempt, lease.Token, wish, DateTimeOffset.MinValue));
            HearOfWish(lease.Job, known);
        }
        return known.Attempt == lease.Attempt && Same(known.Token, lease.Token) ? known : null;
    }

    // Asked again once it is in memory: a wish stored between the two would have found nobody to tell.
    private void HearOfWish(JobId job, Held mine)
    {
        if (jobs.Wish(job, mine.Attempt, mine.Token) is JobWish.Stop)
            mine.Wish = JobWish.Stop;
    }

    private void Returned(ImmutableArray<JobId> returned, string why)
    {
        foreach (var job in returned)
        {
            if (held.TryGetValue(job, out var mine))
            {
                logs.Finish(job, mine.Attempt);
                Forget(job, mine.Attempt);
            }
            JobReturned(log, job, why);
            bells.JobChanged(job);
            bells.OutputOf(job).Ring();
        }
        if (!returned.IsEmpty)
            bells.Room.Ring();
    }

    private void Cancelled(long build, ImmutableArray<JobId> asked)
    {
        foreach (var job in asked)
        {
            if (held.TryGetValue(job, out var mine))
                mine.Wish = JobWish.Stop;
        }
        bells.BuildChanged(build);
        bells.Room.Ring();
    }

    private void Forget(JobId job, int attempt)
    {
        if (held.TryGetValue(job, out var mine) && mine.Attempt == attempt)
            held.TryRemove(new KeyValuePair<JobId, Held>(job, mine));
    }

    private static bool Same(string one, string other) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(one), Encoding.UTF8.GetBytes(other));

    /// <summary>A running attempt, as the store has it too.</summary>
    private sealed class Held(int attempt, string token, JobWish wish, DateTimeOffset until)
    {
        private volatile JobWish wish = wish;

        public int Attempt { get; } = attempt;

        public string Token { get; } = token;

        public JobWish Wish
        {
            get => wish;
            set => wish = value;
        }

        public DateTimeOffset Until { get; set; } = until;
    }

    [LoggerMessage(LogLevel.Information, "Job {Job} is tried again, as its configuration asks")]
    private static partial void JobAgain(ILogger log, JobId job);

    [LoggerMessage(LogLevel.Information, "Job {Job}, attempt {Attempt}, was claimed by {Runner}")]
    private static partial void JobClaimed(ILogger log, JobId job, int attempt, string runner);

    [LoggerMessage(LogLevel.Information, "Job {Job}, attempt {Attempt}, ended: {State}, {Reason}")]
    private static partial void JobEnded(ILogger log, JobId job, int attempt, JobState state, string reason);

    [LoggerMessage(LogLevel.Warning, "Job {Job} was taken from its runner: {Why}")]
    private static partial void JobReturned(ILogger log, JobId job, string why);

    [LoggerMessage(
        LogLevel.Warning,
        "A verdict on job {Job} came from attempt {Attempt}, which is not the job's any more"
    )]
    private static partial void TooLate(ILogger log, JobId job, int attempt);
}
