using System.Text;
using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Git;
using TestGrid.Runner.Reporting;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Tests.Contracts;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Recording;

public sealed class RecorderTests : ReporterContract, IAsyncDisposable
{
    private readonly FakeTimeProvider time = new();
    private readonly TestStore store;

    public RecorderTests() => store = new TestStore(time);

    protected override IJobReporter Create() => store.Recorder;

    protected override async Task<JobId> AddJobAsync(string? service = null)
    {
        var job = Some.Config();
        if (service is not null)
            job = job with { Services = [Some.Service(service)] };
        return new(await store.AddBuildAsync(Some.Grid(job)), 1);
    }

    protected override async Task<string> LogAsync(JobId job, int attempt)
    {
        var bytes = new List<byte>();
        await foreach (var chunk in store.Logs.ReadAsync(job, attempt, 0, Stop))
            bytes.AddRange(chunk.Bytes);
        return Encoding.UTF8.GetString([.. bytes]);
    }

    protected override JobSummary Look(JobId job) => store.Views.Job(job)!.Job;

    protected override async Task CancelAsync(JobId job) => await store.Recorder.CancelAsync(job, "ada", Stop);

    protected override async Task LoseLeasesAsync()
    {
        time.Advance(store.Leases.Time + TimeSpan.FromSeconds(1));
        Assert.True(await store.Recorder.ReturnExpiredAsync(Stop));
    }

    public ValueTask DisposeAsync() => store.DisposeAsync();

    [Fact]
    public async Task A_claim_brings_secrets_and_the_credential_and_the_order_brings_neither()
    {
        var job = await AddJobAsync();
        var repository = store.Repositories.FindAll("us/them")[0].Id;
        await store.Repositories.SetSecretAsync(repository, "KEY", "s3cret-value", Stop);
        await store.Repositories.SetCredentialAsync(repository, new GitCredential.Password("me", "pw-value"), Stop);

        var claim = (await store.Recorder.ClaimAsync(job, "one", Stop))!;

        Assert.Equal("s3cret-value", claim.Secrets["KEY"]);
        Assert.Equal(new GitCredential.Password("me", "pw-value"), claim.Credential);
        Assert.DoesNotContain("-value", Some.Json(store.Jobs.Order(job)), StringComparison.Ordinal);
        await store.AbandonAsync();
        foreach (var file in Directory.GetFiles(store.Path, "testgrid.db*"))
        {
            var text = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, Stop));
            Assert.DoesNotContain("-value", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_first_job_of_a_build_decides_the_bundle_for_the_others_on_its_recipe()
    {
        var other = Some.Config("3") with { Bundle = "python" };
        var build = await store.AddBuildAsync(Some.Grid(Some.Config("1"), Some.Config("2"), other, Some.Config("4")));
        var before = (await store.Recorder.ClaimAsync(new JobId(build, 2), "two", Stop))!; // both before any decision
        var first = (await store.Recorder.ClaimAsync(new JobId(build, 1), "one", Stop))!;

        await store.Recorder.DecideBundleAsync(first.Lease, null, Some.Digest, Stop);

        Assert.Equal(Some.Digest, await store.Recorder.DecideBundleAsync(before.Lease, null, Some.OtherDigest, Stop));
        Assert.Null((await store.Recorder.ClaimAsync(new JobId(build, 3), "one", Stop))!.Bundle);
        Assert.Equal(Some.Digest, (await store.Recorder.ClaimAsync(new JobId(build, 4), "one", Stop))!.Bundle);
        var next = new JobId(await store.AddBuildAsync(Some.Grid(Some.Config())), 1);
        Assert.Null((await store.Recorder.ClaimAsync(next, "one", Stop))!.Bundle); // another build, another decision
    }

    [Fact]
    public async Task A_builds_services_run_on_one_digest_too_and_a_runner_decides_for_those_of_its_job_alone()
    {
        var served = Some.Config("1") with { Services = [Some.Service("redis")] };
        var plain = Some.Config("2");
        var build = await store.AddBuildAsync(Some.Grid(served, plain, served));
        var first = (await store.Recorder.ClaimAsync(new JobId(build, 1), "one", Stop))!;
        Assert.Empty(first.ServiceBundles);

        Assert.Equal(
            Some.Digest,
            await store.Recorder.DecideBundleAsync(first.Lease, "service-redis", Some.Digest, Stop)
        );
        Assert.Equal(
            Some.Digest,
            await store.Recorder.DecideBundleAsync(first.Lease, "service-redis", Some.OtherDigest, Stop)
        );

        Assert.Null(await store.Recorder.DecideBundleAsync(first.Lease, "service-mysql", Some.Digest, Stop));
        var other = (await store.Recorder.ClaimAsync(new JobId(build, 2), "two", Stop))!;
        Assert.Null(await store.Recorder.DecideBundleAsync(other.Lease, "service-redis", Some.OtherDigest, Stop));
        Assert.Empty(other.ServiceBundles);
        Assert.Null(other.Bundle); // what a service runs in decides nothing for the job
        var third = (await store.Recorder.ClaimAsync(new JobId(build, 3), "two", Stop))!;
        Assert.Equal(("service-redis", Some.Digest), third.ServiceBundles.Select(one => (one.Key, one.Value)).Single());
    }

    [Fact]
    public async Task A_build_is_as_its_jobs_say()
    {
        var build = await store.AddBuildAsync(Some.Grid(Some.Config("1"), Some.Config("2", allowFailure: true)));
        Assert.Equal(BuildState.Waiting, BuildOf(build));

        await FinishAsync(new JobId(build, 2), Some.Failed);
        Assert.Equal(BuildState.Running, BuildOf(build));
        await FinishAsync(new JobId(build, 1), Some.Passed);

        Assert.Equal(BuildState.Passed, BuildOf(build));
    }

    [Fact]
    public async Task With_fast_finish_allowed_failures_are_not_waited_for()
    {
        var grid = Some.Grid(Some.Config("1"), Some.Config("2", allowFailure: true)) with { FastFinish = true };
        var build = await store.AddBuildAsync(grid);

        await FinishAsync(new JobId(build, 1), Some.Failed);
        Assert.Equal(BuildState.Failed, BuildOf(build));
        await FinishAsync(new JobId(build, 2), Some.Passed); // it may still end; the build does not move again

        Assert.Equal(BuildState.Failed, BuildOf(build));
        Assert.Equal(JobState.Passed, StateOf(new JobId(build, 2)));
    }

    [Fact]
    public async Task Cancelling_a_build_ends_what_waits_and_asks_what_runs()
    {
        var build = await store.AddBuildAsync(Some.Grid(Some.Config("1"), Some.Config("2")));
        var lease = (await store.Recorder.ClaimAsync(new JobId(build, 1), "one", Stop))!.Lease;

        Assert.Equal(CancelAnswer.Asked, await store.Recorder.CancelBuildAsync(build, "ada", Stop));

        Assert.Equal(JobState.Cancelled, StateOf(new JobId(build, 2)));
        Assert.Equal(JobWish.Stop, await store.Recorder.RenewAsync(lease, Stop));
        var verdict = new JobVerdict(JobState.Cancelled, JobReason.Cancelled, "cancelled");
        await store.Recorder.ReportAsync(lease, new JobFinished(verdict), Stop);
        Assert.Equal(BuildState.Cancelled, BuildOf(build));
        Assert.Equal(CancelAnswer.Over, await store.Recorder.CancelBuildAsync(build, "ada", Stop));
        Assert.Equal(CancelAnswer.Unknown, await store.Recorder.CancelBuildAsync(4711, "ada", Stop));
    }

    [Fact]
    public async Task A_runner_goes_on_through_a_restart_of_the_server()
    {
        var job = await AddJobAsync();
        var lease = (await store.Recorder.ClaimAsync(job, "one", Stop))!.Lease;
        await store.Recorder.ReportAsync(lease, new OutputWritten(0, Some.Bytes("one ")), Stop);
        await store.AbandonAsync();

        await using var next = new TestStore(time, store.Path);
        await next.Recorder.ReportAsync(lease, new OutputWritten(0, Some.Bytes("one two")), Stop);
        await next.Recorder.CancelAsync(job, "ada", Stop);
        Assert.Equal(JobWish.Stop, await next.Recorder.RenewAsync(lease, Stop));
        await next.Recorder.ReportAsync(lease, new JobFinished(Some.Passed), Stop);

        Assert.Equal(JobState.Passed, next.Views.Job(job)!.Job.State);
        Assert.Equal("one two", await LogAsync(job, 1));
    }

    [Fact]
    public async Task A_record_says_bundle_phases_and_what_it_waits_for()
    {
        var job = await AddJobAsync();
        var lease = (await store.Recorder.ClaimAsync(job, "one", Stop))!.Lease;
        await store.Recorder.ReportAsync(lease, new JobWaits("bundle c is being built, 40 %"), Stop);
        Assert.Equal("bundle c is being built, 40 %", store.Views.Job(job)!.Job.WaitsFor);

        await store.Recorder.ReportAsync(lease, new JobStarted("one", "c", Some.Digest), Stop);
        var phase = new PhaseFinished("script", 2, TimeSpan.FromSeconds(1.5), 100);
        await store.Recorder.ReportAsync(lease, phase, Stop);
        await store.Recorder.ReportAsync(lease, phase, Stop);

        var detail = store.Views.Job(job)!;
        Assert.Null(detail.Job.WaitsFor);
        Assert.Equal(Some.Digest.ToString(), detail.Job.BundleDigest);
        Assert.Equal("one", detail.Job.Runner);
        var record = Assert.Single(detail.Phases);
        Assert.Equal(("script", 2, 1.5, 100L), (record.Phase, record.ExitCode, record.Seconds, record.LogOffset));
    }

    [Fact]
    public async Task A_record_says_what_each_command_used_once_however_often_it_is_told()
    {
        var job = await AddJobAsync();
        var lease = (await store.Recorder.ClaimAsync(job, "one", Stop))!.Lease;
        var use = new JobUse(300 << 20, 1.25, null);
        var command = new CommandFinished(1, "script", "make", 2, TimeSpan.FromSeconds(1.5), "0f", use);

        await store.Recorder.ReportAsync(lease, command, Stop);
        await store.Recorder.ReportAsync(lease, command, Stop);

        Assert.Equal(
            new CommandRecord("script", "make", 2, 1.5, "0f", use),
            Assert.Single(store.Views.Job(job)!.Commands)
        );
    }

    [Fact]
    public async Task With_fail_fast_the_first_failure_that_counts_ends_the_others_and_names_the_build()
    {
        var allowed = Some.Config("1", allowFailure: true);
        var grid = Some.Grid(allowed, Some.Config("2"), Some.Config("3"), Some.Config("4"));
        var build = await store.AddBuildAsync(grid with { FailFast = true });
        var running = (await store.Recorder.ClaimAsync(new JobId(build, 3), "one", Stop))!.Lease;

        await FinishAsync(new JobId(build, 1), Some.Failed);
        Assert.Equal(JobState.Waiting, StateOf(new JobId(build, 4))); // it was allowed to
        await FinishAsync(new JobId(build, 2), Some.Failed);

        Assert.Equal(JobState.Cancelled, StateOf(new JobId(build, 4)));
        Assert.Contains("fail_fast", store.Views.Job(new JobId(build, 4))!.Job.Sentence, StringComparison.Ordinal);
        Assert.Equal(JobWish.Stop, await store.Recorder.RenewAsync(running, Stop));
        var verdict = new JobVerdict(JobState.Cancelled, JobReason.Cancelled, "It was cancelled.");
        await store.Recorder.ReportAsync(running, new JobFinished(verdict), Stop);
        Assert.Equal(BuildState.Failed, BuildOf(build));
    }

    [Fact]
    public async Task Without_fail_fast_the_others_go_on()
    {
        var build = await store.AddBuildAsync(Some.Grid(Some.Config("1"), Some.Config("2")));

        await FinishAsync(new JobId(build, 1), Some.Failed);

        Assert.Equal(JobState.Waiting, StateOf(new JobId(build, 2)));
    }

    [Fact]
    public async Task A_job_with_retry_is_tried_again_so_often_and_its_log_says_what_was_before()
    {
        var build = await store.AddBuildAsync(Some.Grid(Some.Config() with { Retry = 2 }));
        var job = new JobId(build, 1);

        await FinishAsync(job, Some.Failed);
        Assert.Equal(JobState.Waiting, StateOf(job));
        var claim = (await store.Recorder.ClaimAsync(job, "one", Stop))!;
        await store.Recorder.ReportAsync(claim.Lease, new JobFinished(Some.Failed), Stop);
        // Telling it twice is not another failure.
        Assert.Equal(
            JobWish.CarryOn,
            await store.Recorder.ReportAsync(claim.Lease, new JobFinished(Some.Failed), Stop)
        );
        Assert.Equal(JobState.Waiting, StateOf(job));
        await FinishAsync(job, Some.Failed);

        Assert.Equal("attempt 1 on one failed: script exited 1", claim.Before);
        Assert.Equal((JobState.Failed, BuildState.Failed), (StateOf(job), BuildOf(build)));
        Assert.Equal(
            [JobState.Failed, JobState.Failed, JobState.Failed],
            store.Views.Job(job)!.Attempts.Select(attempt => attempt.State)
        );
    }

    [Fact]
    public async Task A_try_that_passes_is_the_last_and_a_cancelled_one_too()
    {
        var config = Some.Config() with { Retry = 5 };
        var build = await store.AddBuildAsync(Some.Grid(config, config));
        await FinishAsync(new JobId(build, 1), Some.Failed);
        await FinishAsync(new JobId(build, 1), Some.Passed);
        var lease = (await store.Recorder.ClaimAsync(new JobId(build, 2), "one", Stop))!.Lease;
        await store.Recorder.CancelAsync(new JobId(build, 2), "ada", Stop);
        await store.Recorder.ReportAsync(lease, new JobFinished(Some.Failed), Stop); // it was quicker than the wish

        Assert.Equal((JobState.Passed, JobState.Failed), (StateOf(new JobId(build, 1)), StateOf(new JobId(build, 2))));
    }

    private BuildState BuildOf(long build) => store.Views.Build(build)!.Build.State;

    private async Task FinishAsync(JobId job, JobVerdict verdict)
    {
        var lease = (await store.Recorder.ClaimAsync(job, "one", Stop))!.Lease;
        await store.Recorder.ReportAsync(lease, new JobFinished(verdict), Stop);
    }
}
