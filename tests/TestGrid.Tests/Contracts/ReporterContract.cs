using TestGrid.Core.Jobs;
using TestGrid.Runner.Reporting;
using TestGrid.Server.Store;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Contracts;

/// <summary>What every way of reporting promises: one holder at a time, no report of an older attempt, no log byte twice.</summary>
public abstract class ReporterContract
{
    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    protected abstract IJobReporter Create();

    /// <summary>A job that waits in a build of its own.</summary>
    protected abstract Task<JobId> AddJobAsync(string? service = null);

    /// <summary>What an attempt's log holds.</summary>
    protected abstract Task<string> LogAsync(JobId job, int attempt);

    protected abstract JobSummary Look(JobId job);

    protected JobState StateOf(JobId job) => Look(job).State;

    /// <summary>Somebody cancels it.</summary>
    protected abstract Task CancelAsync(JobId job);

    /// <summary>So much time passes that an unrenewed lease is lost, and the server has noticed.</summary>
    protected abstract Task LoseLeasesAsync();

    [Fact]
    public async Task A_job_is_claimed_once()
    {
        var reporter = Create();
        var job = await AddJobAsync();

        var claims = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(n => reporter.ClaimAsync(job, $"runner-{n}", Stop).AsTask())
        );

        var claim = Assert.Single(claims, one => one is not null)!;
        Assert.Equal((job, 1), (claim.Lease.Job, claim.Lease.Attempt));
        Assert.Equal(job, claim.Order?.Id); // what runs comes from the server, not from the message
        Assert.NotEmpty(claim.Order!.Config.Bundle);
        Assert.Equal(JobState.Running, StateOf(job));
    }

    [Fact]
    public async Task A_job_goes_from_claim_to_verdict()
    {
        var (reporter, lease) = await ClaimedAsync();

        Assert.Equal(JobWish.CarryOn, await reporter.ReportAsync(lease, new JobWaits("bundle c, 40 %"), Stop));
        Assert.Equal(JobWish.CarryOn, await reporter.ReportAsync(lease, new JobStarted("one", "c", Some.Digest), Stop));
        Assert.Equal(JobWish.CarryOn, await WriteAsync(reporter, lease, 0, "hello\n"));
        await reporter.ReportAsync(lease, new PhaseFinished("script", 0, TimeSpan.FromSeconds(1), 0), Stop);
        Assert.Equal(JobWish.CarryOn, await reporter.RenewAsync(lease, Stop));
        Assert.Equal(JobWish.CarryOn, await reporter.ReportAsync(lease, new JobFinished(Some.Passed), Stop));

        Assert.Equal(JobState.Passed, StateOf(lease.Job));
        Assert.Equal("hello\n", await LogAsync(lease.Job, 1));
    }

    [Fact]
    public async Task What_a_job_used_is_kept_with_its_verdict_and_what_nobody_counted_is_absent()
    {
        var (reporter, lease) = await ClaimedAsync();
        var use = new JobUse(312L << 20, 12.345, null);

        await reporter.ReportAsync(lease, new JobFinished(Some.Failed with { Use = use }), Stop);
        Assert.Equal(use, Look(lease.Job).Use);

        var (_, other) = await ClaimedAsync();
        await reporter.ReportAsync(other, new JobFinished(Some.Passed), Stop);
        Assert.Equal((JobState.Passed, null), (StateOf(other.Job), Look(other.Job).Use));
    }

    [Fact]
    public async Task Output_told_twice_is_kept_once()
    {
        var (reporter, lease) = await ClaimedAsync();

        await WriteAsync(reporter, lease, 0, "one ");
        await WriteAsync(reporter, lease, 0, "one ");
        await WriteAsync(reporter, lease, 2, "e two"); // its start is known, its end is not

        Assert.Equal("one two", await LogAsync(lease.Job, 1));
    }

    [Fact]
    public async Task Output_that_leaves_something_out_is_refused()
    {
        var (reporter, lease) = await ClaimedAsync();
        await WriteAsync(reporter, lease, 0, "one ");

        await Assert.ThrowsAsync<ReportGapException>(() => WriteAsync(reporter, lease, 5, "three").AsTask());

        await WriteAsync(reporter, lease, 4, "two");
        Assert.Equal("one two", await LogAsync(lease.Job, 1));
    }

    [Fact]
    public async Task A_verdict_told_twice_counts_once()
    {
        var (reporter, lease) = await ClaimedAsync();
        await reporter.ReportAsync(lease, new JobFinished(Some.Failed), Stop);

        Assert.Equal(JobWish.CarryOn, await reporter.ReportAsync(lease, new JobFinished(Some.Failed), Stop));
        Assert.Equal(JobWish.Fenced, await reporter.ReportAsync(lease, new JobFinished(Some.Passed), Stop));

        Assert.Equal(JobState.Failed, StateOf(lease.Job));
    }

    [Fact]
    public async Task A_late_report_of_an_older_attempt_changes_nothing()
    {
        var (reporter, old) = await ClaimedAsync();
        await WriteAsync(reporter, old, 0, "first");
        await LoseLeasesAsync();
        var lease = (await reporter.ClaimAsync(old.Job, "two", Stop))!.Lease;
        Assert.Equal(2, lease.Attempt);

        Assert.Equal(JobWish.Fenced, await WriteAsync(reporter, old, 5, " and late"));
        Assert.Equal(JobWish.Fenced, await reporter.RenewAsync(old, Stop));
        Assert.Equal(JobWish.Fenced, await reporter.ReportAsync(old, new JobFinished(Some.Failed), Stop));
        await reporter.ReleaseAsync(old, "late", Stop);

        Assert.Equal(JobState.Running, StateOf(old.Job));
        await WriteAsync(reporter, lease, 0, "second");
        await reporter.ReportAsync(lease, new JobFinished(Some.Passed), Stop);
        Assert.Equal(JobState.Passed, StateOf(old.Job));
        Assert.Equal("first", await LogAsync(old.Job, 1)); // still readable
        Assert.Equal("second", await LogAsync(old.Job, 2));
    }

    [Fact]
    public async Task A_token_of_ones_own_making_opens_nothing()
    {
        var (reporter, lease) = await ClaimedAsync();

        var forged = lease with { Token = new string('0', lease.Token.Length) };

        Assert.Equal(JobWish.Fenced, await WriteAsync(reporter, forged, 0, "x"));
        Assert.Equal(JobWish.Fenced, await reporter.ReportAsync(forged, new JobFinished(Some.Passed), Stop));
        Assert.Equal(JobState.Running, StateOf(lease.Job));
    }

    [Fact]
    public async Task A_lease_that_is_renewed_is_not_lost()
    {
        var reporter = Create();
        var job = await AddJobAsync();
        var claim = (await reporter.ClaimAsync(job, "one", Stop))!;

        Assert.Equal(JobWish.CarryOn, await reporter.RenewAsync(claim.Lease, Stop));

        Assert.Null(await reporter.ClaimAsync(job, "two", Stop));
    }

    [Fact]
    public async Task A_cancelled_job_is_asked_to_stop_with_each_answer()
    {
        var (reporter, lease) = await ClaimedAsync();
        await CancelAsync(lease.Job);

        Assert.Equal(JobWish.Stop, await reporter.RenewAsync(lease, Stop));
        Assert.Equal(JobWish.Stop, await WriteAsync(reporter, lease, 0, "x"));
        var verdict = new JobVerdict(JobState.Cancelled, JobReason.Cancelled, "somebody cancelled it");
        await reporter.ReportAsync(lease, new JobFinished(verdict), Stop);

        Assert.Equal(JobState.Cancelled, StateOf(lease.Job));
    }

    [Fact]
    public async Task A_cancelled_job_whose_runner_is_lost_does_not_start_again()
    {
        var (_, lease) = await ClaimedAsync();
        await CancelAsync(lease.Job);

        await LoseLeasesAsync();

        Assert.Equal(JobState.Cancelled, StateOf(lease.Job));
    }

    [Fact]
    public async Task A_job_cancelled_before_its_claim_cannot_be_claimed()
    {
        var reporter = Create();
        var job = await AddJobAsync();
        await CancelAsync(job);

        Assert.Null(await reporter.ClaimAsync(job, "one", Stop));
        Assert.Equal(JobState.Cancelled, StateOf(job));
    }

    [Fact]
    public async Task A_job_given_back_waits_for_another_attempt()
    {
        var (reporter, lease) = await ClaimedAsync();

        await reporter.ReleaseAsync(lease, "the runner stops", Stop);

        Assert.Equal(JobState.Waiting, StateOf(lease.Job));
        Assert.Equal(2, (await reporter.ClaimAsync(lease.Job, "two", Stop))!.Lease.Attempt);
    }

    [Fact]
    public async Task A_runner_that_starts_again_gives_back_what_it_held_and_nothing_else()
    {
        var (reporter, mine) = await ClaimedAsync();
        var other = (await reporter.ClaimAsync(await AddJobAsync(), "two", Stop))!.Lease;

        await reporter.ReleaseAllAsync("one", Stop);

        Assert.Equal(JobState.Waiting, StateOf(mine.Job));
        Assert.Equal(JobState.Running, StateOf(other.Job));
    }

    [Fact]
    public async Task What_a_build_runs_on_is_decided_once_and_every_later_attempt_is_told()
    {
        var reporter = Create();
        var job = await AddJobAsync();
        var first = (await reporter.ClaimAsync(job, "one", Stop))!;
        Assert.Null(first.Bundle);

        Assert.Equal(Some.Digest, await reporter.DecideBundleAsync(first.Lease, null, Some.Digest, Stop));
        Assert.Equal(Some.Digest, await reporter.DecideBundleAsync(first.Lease, null, Some.OtherDigest, Stop));
        await LoseLeasesAsync();
        var second = (await reporter.ClaimAsync(job, "two", Stop))!;

        Assert.Equal(Some.Digest, second.Bundle);
        Assert.Null(await reporter.DecideBundleAsync(first.Lease, null, Some.OtherDigest, Stop)); // it is another's now
        var started = new JobStarted("two", "c", Some.Digest);
        Assert.Equal(JobWish.CarryOn, await reporter.ReportAsync(second.Lease, started, Stop));
    }

    [Fact]
    public async Task What_a_service_runs_in_is_decided_once_and_every_later_attempt_is_told()
    {
        var reporter = Create();
        var job = await AddJobAsync("redis");
        var first = (await reporter.ClaimAsync(job, "one", Stop))!;
        Assert.Empty(first.ServiceBundles);

        Assert.Equal(Some.Digest, await reporter.DecideBundleAsync(first.Lease, "service-redis", Some.Digest, Stop));
        Assert.Equal(
            Some.Digest,
            await reporter.DecideBundleAsync(first.Lease, "service-redis", Some.OtherDigest, Stop)
        );
        Assert.Null(await reporter.DecideBundleAsync(first.Lease, "service-mysql", Some.Digest, Stop));
        await LoseLeasesAsync();

        var second = (await reporter.ClaimAsync(job, "two", Stop))!;
        Assert.Equal(Some.Digest, second.ServiceBundles["service-redis"]);
        Assert.Null(second.Bundle);
    }

    [Fact]
    public async Task A_job_that_starts_on_another_bundle_than_its_builds_is_errored()
    {
        var (reporter, lease) = await ClaimedAsync();
        await reporter.DecideBundleAsync(lease, null, Some.Digest, Stop);

        var started = new JobStarted("one", "c", Some.OtherDigest);
        Assert.Equal(JobWish.Fenced, await reporter.ReportAsync(lease, started, Stop));

        var job = Look(lease.Job);
        Assert.Equal((JobState.Errored, JobReason.NoBundle), (job.State, job.Reason));
        Assert.Contains($"but this build runs on {Some.Digest.Short}", job.Sentence!, StringComparison.Ordinal);
        Assert.Equal(Some.Digest.ToString(), job.BundleDigest);
    }

    [Fact]
    public async Task Three_lost_attempts_are_enough()
    {
        var reporter = Create();
        var job = await AddJobAsync();
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            Assert.Equal(attempt, (await reporter.ClaimAsync(job, "one", Stop))!.Lease.Attempt);
            await LoseLeasesAsync();
        }

        Assert.Equal(JobState.Errored, StateOf(job));
        Assert.Null(await reporter.ClaimAsync(job, "one", Stop));
    }

    [Fact]
    public async Task A_job_that_nobody_knows_cannot_be_claimed() =>
        Assert.Null(await Create().ClaimAsync(new JobId(4711, 1), "one", Stop));

    private static ValueTask<JobWish> WriteAsync(IJobReporter reporter, JobLease lease, long offset, string text) =>
        reporter.ReportAsync(lease, new OutputWritten(offset, Some.Bytes(text)), Stop);

    private async Task<(IJobReporter Reporter, JobLease Lease)> ClaimedAsync()
    {
        var reporter = Create();
        var job = await AddJobAsync();
        return (reporter, (await reporter.ClaimAsync(job, "one", Stop))!.Lease);
    }
}
