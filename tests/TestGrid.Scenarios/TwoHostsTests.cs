using System.Text.Json;
using Microsoft.AspNetCore.SignalR.Client;
using TestGrid.Scenarios.Support;
using TestGrid.Tests.Support;
using TempFolder = TestGrid.Scenarios.Support.TempFolder;

namespace TestGrid.Scenarios;

/// <summary>
/// Three machines with networks of their own: a server (and its broker) that runs nothing, and two runners. What they
/// share is this machine's disk, where the repository lies, and the cache of bundles.
/// </summary>
[Trait("Slow", "true")]
public sealed class TwoHostsTests : IAsyncLifetime
{
    private const string Project = "http-parser"; // a matrix of two, seconds each

    private readonly TempFolder folder = new();
    private TestNetwork network = null!;
    private TestHost head = null!;
    private TestHost first = null!;
    private TestHost second = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        network = await TestNetwork.StartAsync(Stop);
        head = await network.AddAsync("head", Stop);
        first = await network.AddAsync("first", Stop);
        second = await network.AddAsync("second", Stop);
    }

    public async ValueTask DisposeAsync()
    {
        await network.DisposeAsync();
        folder.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_runner_that_is_cut_off_loses_its_job_to_the_other_and_the_log_says_so(bool withBroker)
    {
        await using var broker = withBroker ? new RabbitBroker(head.Address, head.Enter) : null;
        string[] queue = [];
        if (broker is not null)
        {
            await broker.StartAsync(Stop);
            queue = ["--queue", broker.Url];
        }
        var data = Data(
            "head",
            """
            {
              "runners": { "allowInsecure": true },
              "leases": { "time": "00:00:05" },
              "scheduling": { "awayAfter": "00:00:06" }
            }
            """
        );
        await using var server = await TestGridProcess.StartOnAsync(head, data, Stop, ["--slots", "0", .. queue]);
        await using var one = await StartRunnerAsync(server, first, "first", queue);
        await using var two = await StartRunnerAsync(server, second, "second", queue);
        await AJobReachesTheNetworkAsync(server);
        var tree = Path.Combine(folder.Path, "tree");
        await SourcePackage.UnpackAsync(Project, tree, Stop);
        using var repository = new GitRepository(tree).Commit($"{Project}, as released");
        var secret = await server.RegisterAsync(tree, $"real/{Project}", Stop);

        var build = await server.PushAsync(repository, $"real/{Project}", secret, Stop);
        var lost = await RunsOnBothAsync(server, build);
        await server.LogHasAsync(lost, "$ make", Stop);
        await first.LinkAsync("down", Stop);
        var ended = await server.FinishedAsync(build, Stop);
        Assert.Equal("away", await StateOfAsync(server, "first", "away"));
        await first.LinkAsync("up", Stop);
        Assert.Equal("connected", await StateOfAsync(server, "first", "connected"));
        await one.SaysAsync("is back", Stop);

        var jobs = ended.GetProperty("jobs").EnumerateArray().ToArray();
        Assert.All(jobs, job => Assert.Equal("passed", job.Text("state")));
        Assert.All(jobs, job => Assert.Equal("second", job.Text("runner")));
        // Asked now: what the first tells of its attempt when it is back must change nothing.
        var detail = await server.GetAsync($"/api/v1/jobs/{lost}", Stop);
        var attempts = detail.GetProperty("attempts").EnumerateArray().ToArray();
        Assert.Equal(["first", "second"], attempts.Select(attempt => attempt.Text("runner")));
        Assert.Single(attempts, attempt => attempt.Text("state") == "passed");
        Assert.Equal("passed", detail.GetProperty("job").Text("state"));
        var log = await server.LogAsync(lost, Stop);
        Assert.Contains("attempt 2 on second", log, StringComparison.Ordinal);
        Assert.Contains("attempt 1 on first did not end: its runner was not heard from", log, StringComparison.Ordinal);
        Assert.Contains("requests okay", log, StringComparison.Ordinal); // the project's own tests, to their end
        var before = await server.Http.GetStringAsync($"/api/v1/jobs/{lost}/log?attempt=1", Stop);
        Assert.Contains("attempt 1 on first", before, StringComparison.Ordinal);
        TestContext.Current.TestOutputHelper?.WriteLine(log[..Math.Min(log.Length, 600)]);
    }

    private Task<ProgramProcess> StartRunnerAsync(TestGridProcess server, TestHost host, string name, string[] queue) =>
        RunnerProcess.StartOnAsync(
            host,
            server,
            name,
            Data(name, $$"""{ "sandbox": { "allowedNetworks": ["{{network.Range}}"] } }"""),
            Stop,
            ["--allow-insecure", .. queue]
        );

    /// <summary>A sandbox's network is made inside its machine's: it reaches what that reaches.</summary>
    private async Task AJobReachesTheNetworkAsync(TestGridProcess server)
    {
        using var repository = new GitRepository(Path.Combine(folder.Path, "small")).Write(
            ".testgrid.yml",
            $$"""
            tty: false
            script:
              - exec 3<>/dev/tcp/{{head.Address}}/8080
              - printf 'GET /livez HTTP/1.0\r\nHost:{{head.Address}}\r\n\r\n' >&3
              - cat <&3
            """
        );
        repository.Commit();
        var secret = await server.RegisterAsync(repository.Folder, "net/small", Stop);
        var build = await server.PushAsync(repository, "net/small", secret, Stop);
        await server.FinishedAsync(build, Stop);
        Assert.Contains("200 OK", await server.LogAsync($"{build}.1", Stop), StringComparison.Ordinal);
    }

    /// <summary>Watches until each runner has one of the two jobs; the one that the first has.</summary>
    private static async Task<string> RunsOnBothAsync(TestGridProcess server, long build)
    {
        await foreach (var snapshot in server.WatchBuildAsync(build, Stop))
        {
            var running = snapshot
                .GetProperty("jobs")
                .EnumerateArray()
                .Where(job => job.Text("state") == "running")
                .ToDictionary(job => job.Text("runner")!, job => job.Text("id")!);
            if (running.Count == 2)
                return running["first"];
        }
        throw new InvalidOperationException($"the build ended before both ran\n{server.Said}");
    }

    /// <summary>Watches the runners until this one is in the state; else what it was last.</summary>
    private static async Task<string?> StateOfAsync(TestGridProcess server, string runner, string state)
    {
        await using var hub = await server.ConnectAsync(Stop);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        string? last = null;
        try
        {
            await foreach (var snapshot in hub.StreamAsync<byte[]>("Runners", patience.Token))
            {
                last = JsonSerializer
                    .Deserialize<JsonElement>(snapshot)
                    .GetProperty("runners")
                    .EnumerateArray()
                    .Single(one => one.Text("name") == runner)
                    .Text("state");
                if (last == state)
                    break;
            }
        }
        catch (OperationCanceledException) when (!Stop.IsCancellationRequested)
        {
            // Then it never was, and the test shows what it was.
        }
        return last;
    }

    private string Data(string name, string settings)
    {
        var data = Directory.CreateDirectory(Path.Combine(folder.Path, name)).FullName;
        File.WriteAllText(Path.Combine(data, "testgrid.json"), settings);
        return data;
    }
}
