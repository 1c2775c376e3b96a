using System.Text.Json;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Reporting;
using TestGrid.Server.Store;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Dashboard;

public sealed class HubTests : IAsyncLifetime
{
    private TestServer server = null!;
    private HubConnection hub = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        server = await TestServer.StartAsync();
        await server.AddRepositoryAsync();
        hub = await server.ConnectAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await hub.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task The_list_comes_at_once_and_after_each_change()
    {
        await using var lists = Watch<BuildList>("Builds", [null]).GetAsyncEnumerator(Stop);
        Assert.True(await lists.MoveNextAsync());
        Assert.Empty(lists.Current.Builds);

        await server.StartBuildAsync();

        do Assert.True(await lists.MoveNextAsync());
        while (lists.Current.Builds is not [{ JobCounts.Count: > 0 }]);
    }

    [Fact]
    public async Task A_list_is_of_one_repository_if_so_asked()
    {
        await server.AddRepositoryAsync("/srv/us/others");
        await server.StartBuildAsync("us/others");

        await using var lists = Watch<BuildList>("Builds", ["us/them"]).GetAsyncEnumerator(Stop);
        Assert.True(await lists.MoveNextAsync());

        Assert.Empty(lists.Current.Builds);
    }

    [Fact]
    public async Task A_build_is_watched_to_its_end()
    {
        var build = await server.StartBuildAsync();
        var watching = LastAsync(Watch<BuildDetail>("Build", [build]));
        foreach (var cell in new[] { 1, 2 })
        {
            var lease = await server.ClaimAsync(new JobId(build, cell));
            var verdict = cell == 1 ? Some.Passed : Some.Failed;
            await server.Get<IJobReporter>().ReportAsync(lease, new JobFinished(verdict), Stop);
        }

        var last = await watching; // the stream ended by itself

        Assert.Equal(BuildState.Failed, last.Build.State);
        Assert.Equal([JobState.Passed, JobState.Failed], last.Jobs.Select(job => job.State));
        Assert.Equal(new Dictionary<string, int> { ["failed"] = 1, ["passed"] = 1 }, last.Build.JobCounts);
    }

    [Fact]
    public async Task A_job_is_watched_to_its_end()
    {
        var job = new JobId(await server.StartBuildAsync(), 1);
        await using var records = Watch<JobDetail>("Job", [job.ToString()]).GetAsyncEnumerator(Stop);
        Assert.True(await records.MoveNextAsync());
        // The class shares a server, on which another test may have claimed as a runner.
        Assert.Contains(records.Current.Job.WaitsFor, new[] { null, "no runner is connected", "its turn" });

        var lease = await server.ClaimAsync(job);
        await server.Get<IJobReporter>().ReportAsync(lease, new JobWaits("bundle c, 40 %"), Stop);

        do Assert.True(await records.MoveNextAsync());
        while (records.Current.Job.WaitsFor != "bundle c, 40 %");
    }

    [Theory]
    [InlineData("Build", 4711L)]
    [InlineData("Job", "4711.1")]
    [InlineData("Job", "nonsense")]
    public async Task What_there_is_not_is_said(string method, object id) =>
        await Assert.ThrowsAsync<HubException>(() => LastAsync(Watch<JsonElement>(method, [id])));

    private async IAsyncEnumerable<T> Watch<T>(string method, object?[] arguments)
    {
        await foreach (var bytes in hub.StreamAsyncCore<byte[]>(method, arguments, Stop))
            yield return JsonSerializer.Deserialize<T>(bytes, TestServer.Json)!;
    }

    private static async Task<T> LastAsync<T>(IAsyncEnumerable<T> items)
    {
        var last = default(T);
        await foreach (var item in items)
            last = item;
        return last!;
    }
}
