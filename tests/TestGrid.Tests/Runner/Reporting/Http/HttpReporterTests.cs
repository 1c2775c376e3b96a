using System.Net.Http.Json;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Git;
using TestGrid.Runner.Reporting;
using TestGrid.Runner.Reporting.Http;
using TestGrid.Server.Dashboard;
using TestGrid.Server.Recording;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Tests.Contracts;
using TestGrid.Tests.Core.Config;
using TestGrid.Tests.Server.Support;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Reporting.Http;

public sealed class HttpReporterTests : ReporterContract, IAsyncLifetime
{
    private readonly FakeTimeProvider time = new();
    private readonly TempFolder data = new();
    private TestServer server = null!;
    private RemoteSide remote = null!;

    public async ValueTask InitializeAsync()
    {
        server = await TestServer.StartAsync(path: data.Path, time: time);
        await server.AddRepositoryAsync();
        remote = await RemoteSide.ConnectAsync(server, new SpoolOptions { BytesMax = 1 << 20 });
    }

    public async ValueTask DisposeAsync()
    {
        await remote.DisposeAsync();
        await server.DisposeAsync();
        data.Dispose();
    }

    protected override IJobReporter Create() => remote.Reporter;

    protected override async Task<JobId> AddJobAsync(string? service = null)
    {
        if (service is not null)
        {
            server.Commits.Services = [Reading.Service(service, "7.0", 6379)];
            server.Commits.Config = $"language: c\nservices: [{service}]\nscript: make\n";
        }
        using var answer = await server.Admin.PostAsJsonAsync("/api/v1/builds", new { repository = "us/them" }, Stop);
        var job = new JobId((await TestServer.ReadAsync<BuildStarted>(answer))!.Id, 1);
        // By its bell: the clock stands still here, and pages wait by the clock between two looks.
        while (true)
        {
            var ring = server.Get<Bells>().OfBuild(job.Build).NextRing;
            if (server.Get<BuildViews>().Job(job) is not null)
                return job;
            await ring.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        }
    }

    protected override async Task<string> LogAsync(JobId job, int attempt)
    {
        var bytes = new List<byte>();
        await foreach (var chunk in server.Get<LogFiles>().ReadAsync(job, attempt, 0, Stop))
            bytes.AddRange(chunk.Bytes);
        return Encoding.UTF8.GetString([.. bytes]);
    }

    protected override JobSummary Look(JobId job) => server.Get<BuildViews>().Job(job)!.Job;

    protected override async Task CancelAsync(JobId job) => await server.Get<Recorder>().CancelAsync(job, "ada", Stop);

    protected override async Task LoseLeasesAsync()
    {
        time.Advance(server.Get<Leases>().Time + TimeSpan.FromSeconds(1));
        // Or the stage was quicker, which looks by the same clock.
        await server.Get<Recorder>().ReturnExpiredAsync(Stop);
    }

    [Fact]
    public async Task A_server_that_is_away_holds_nothing_up_and_misses_nothing()
    {
        var lease = await ClaimedAsync();
        await WriteAsync(lease, 0, "before ");
        remote.Cable.Cut();

        // Each returns when it is on this disk: nobody has to wait for the server.
        Assert.Equal(JobWish.CarryOn, await remote.Reporter.ReportAsync(lease, new JobWaits("bundle c, 40 %"), Stop));
        await WriteAsync(lease, 7, "while ");
        await remote.Reporter.ReportAsync(lease, new PhaseFinished("script", 2, TimeSpan.FromSeconds(1), 7), Stop);
        var command = new CommandFinished(1, "script", "make", 2, TimeSpan.FromSeconds(1), "0f", new JobUse(1, 2, 3));
        await remote.Reporter.ReportAsync(lease, command, Stop);
        await WriteAsync(lease, 13, "after");
        Assert.Equal(JobWish.CarryOn, await remote.Reporter.RenewAsync(lease, Stop));
        Assert.Equal("before ", await LogAsync(lease.Job, 1));
        var ended = remote.Reporter.ReportAsync(lease, new JobFinished(Some.Failed), Stop).AsTask();
        Assert.False(ended.IsCompleted); // a verdict is told until it was heard
        remote.Cable.Mend();

        Assert.Equal(JobWish.CarryOn, await ended);
        Assert.Equal("before while after", await LogAsync(lease.Job, 1));
        Assert.Equal(JobState.Failed, StateOf(lease.Job));
        Assert.Equal("script", Assert.Single(server.Get<BuildViews>().Job(lease.Job)!.Phases).Phase);
        var told = Assert.Single(server.Get<BuildViews>().Job(lease.Job)!.Commands);
        Assert.Equal(new CommandRecord("script", "make", 2, 1, "0f", command.Use), told);
        Assert.Empty(Directory.GetFileSystemEntries(remote.SpoolPath));
    }

    [Fact]
    public async Task What_was_kept_is_told_as_soon_as_the_server_is_back_and_before_the_job_ends()
    {
        var lease = await ClaimedAsync();
        remote.Cable.Cut();
        await WriteAsync(lease, 0, "kept");
        var ring = server.Get<Bells>().OutputOf(lease.Job).NextRing;

        remote.Cable.Mend();

        await ring.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        Assert.Equal("kept", await LogAsync(lease.Job, 1));
    }

    [Fact]
    public async Task A_full_spool_holds_the_job_up_until_there_is_room()
    {
        var lease = await ClaimedAsync();
        remote.Cable.Cut();
        var block = new byte[1 << 20];
        Array.Fill(block, (byte)'x');
        await remote.Reporter.ReportAsync(lease, new OutputWritten(0, block), Stop); // as much as it holds

        var more = remote
            .Reporter.ReportAsync(lease, new OutputWritten(block.Length, Some.Bytes("more")), Stop)
            .AsTask();
        Assert.False(more.IsCompleted);
        remote.Cable.Mend();

        await more.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        await remote.Reporter.ReportAsync(lease, new JobFinished(Some.Passed), Stop);
        Assert.Equal(block.Length + 4, (await LogAsync(lease.Job, 1)).Length);
    }

    [Fact]
    public async Task A_job_that_was_taken_while_the_runner_was_cut_off_is_fenced_when_it_is_back()
    {
        var lease = await ClaimedAsync();
        remote.Cable.Cut();
        await WriteAsync(lease, 0, "nobody wants this");
        await LoseLeasesAsync();
        Assert.Equal(2, (await server.Get<Recorder>().ClaimAsync(lease.Job, "other", Stop))!.Lease.Attempt);

        remote.Cable.Mend();

        Assert.Equal(JobWish.Fenced, await remote.Reporter.RenewAsync(lease, Stop));
        Assert.Equal(JobWish.Fenced, await remote.Reporter.ReportAsync(lease, new JobFinished(Some.Failed), Stop));
        Assert.Equal(JobState.Running, StateOf(lease.Job));
        Assert.Empty(Directory.GetFileSystemEntries(remote.SpoolPath));
    }

    [Fact]
    public async Task What_a_killed_runner_could_not_tell_its_next_life_tells()
    {
        var lease = await ClaimedAsync();
        remote.Cable.Cut();
        await WriteAsync(lease, 0, "all of it");
        using var killed = new CancellationTokenSource();
        var ended = remote.Reporter.ReportAsync(lease, new JobFinished(Some.Passed), killed.Token).AsTask();
        await killed.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ended);

        await using var next = remote.NextLife(server);
        await next.Reporter.ReleaseAllAsync("one", Stop);

        Assert.Equal(JobState.Passed, StateOf(lease.Job));
        Assert.Equal("all of it", await LogAsync(lease.Job, 1));
        Assert.Empty(Directory.GetFileSystemEntries(remote.SpoolPath));
    }

    [Fact]
    public async Task A_server_that_lost_the_end_of_a_log_is_told_it_again()
    {
        var lease = await ClaimedAsync();
        await WriteAsync(lease, 0, "one ");
        await WriteAsync(lease, 4, "two ");
        remote.Cable.Cut();
        await server.DisposeAsync();
        var file = Directory.GetFiles(Path.Combine(data.Path, "logs"), "*.log", SearchOption.AllDirectories).Single();
        await using (var log = new FileStream(file, FileMode.Open))
            log.SetLength(2); // a power cut: the rest was not on the disk yet
        server = await TestServer.StartAsync(path: data.Path, time: time);
        remote.Cable.LeadTo(server.Url);
        remote.Cable.Mend();

        await WriteAsync(lease, 8, "three");
        await remote.Reporter.ReportAsync(lease, new JobFinished(Some.Passed), Stop);

        Assert.Equal("one two three", await LogAsync(lease.Job, 1));
    }

    [Fact]
    public async Task A_claim_brings_secrets_and_the_credential_and_says_what_became_of_the_attempt_before()
    {
        var job = await AddJobAsync();
        var repositories = server.Get<RepositoryStore>();
        var repository = repositories.FindAll("us/them")[0].Id;
        await repositories.SetSecretAsync(repository, "KEY", "s3cret-value", Stop);
        await repositories.SetCredentialAsync(repository, new GitCredential.SshKey("a key", "some hosts"), Stop);

        var first = (await remote.Reporter.ClaimAsync(job, "one", Stop))!;
        await LoseLeasesAsync();
        var second = (await remote.Reporter.ClaimAsync(job, "two", Stop))!;

        Assert.Equal("s3cret-value", first.Secrets["KEY"]);
        Assert.Equal(new GitCredential.SshKey("a key", "some hosts"), first.Credential);
        Assert.Equal(TimeSpan.FromSeconds(30), first.LeaseTime);
        Assert.Null(first.Before);
        Assert.Equal("attempt 1 on one did not end: its runner was not heard from", second.Before);
    }

    private async Task<JobLease> ClaimedAsync() =>
        (await remote.Reporter.ClaimAsync(await AddJobAsync(), "one", Stop))!.Lease;

    private ValueTask<JobWish> WriteAsync(JobLease lease, long offset, string text) =>
        remote.Reporter.ReportAsync(lease, new OutputWritten(offset, Some.Bytes(text)), Stop);
}
