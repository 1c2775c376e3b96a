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

    protected override async Task<JobId> AddJobAsync() => new(await store.AddBuildAsync(Some.Grid(Some.Config())), 1);

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

    private BuildState BuildOf(long build) => store.Views.Build(build)!.Build.State;

    private async Task FinishAsync(JobId job, JobVerdict verdict)
    {
        var lease = (await store.Recorder.ClaimAsync(job, "one", Stop))!.Lease;
        await store.Recorder.ReportAsync(lease, new JobFinished(verdict), Stop);
    }
}
