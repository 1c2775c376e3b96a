using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Playwright;
using TestGrid.Scenarios.Support;
using TestGrid.Tests.Support;
using TempFolder = TestGrid.Scenarios.Support.TempFolder;

namespace TestGrid.Scenarios;

/// <summary>The runners' disks, which outlive one test: the first to run fetches what they lack.</summary>
public sealed class RunnersDisks : IDisposable
{
    private readonly TempFolder first = new();
    private readonly TempFolder second = new();

    public string this[string runner] => runner == "first" ? first.Path : second.Path;

    public void Dispose()
    {
        first.Dispose();
        second.Dispose();
    }
}

/// <summary>
/// Three machines with networks and disks of their own: a server (and its broker) that runs nothing, and two runners that
/// have the program and no bundle. The repositories are at a git host beside them, over https and with a password.
/// </summary>
[Trait("Slow", "true")]
public sealed class TwoHostsTests(RunnersDisks disks) : IAsyncLifetime, IClassFixture<RunnersDisks>
{
    private const string Project = "http-parser"; // a matrix of two, seconds each

    private readonly TempFolder folder = new();
    private TestNetwork network = null!;
    private GitHttpsServer git = null!;
    private TestHost head = null!;
    private TestHost first = null!;
    private TestHost second = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        // Nothing in that network reaches a package mirror: the server has the bundle, or nobody.
        var built = await CommandLine.CallAsync(
            folder.Path,
            new Dictionary<string, string>(),
            "",
            ["bundle", "build", "c"],
            Stop
        );
        Assert.True(built.ExitCode == 0, built.Errors);
        network = await TestNetwork.StartAsync(Stop);
        git = await GitHttpsServer.StartAsync(network.OwnAddress, folder.Path, Stop);
        head = await AddAsync("head", folder.Path);
        first = await AddAsync("first", disks["first"]);
        second = await AddAsync("second", disks["second"]);
        await head.HideAsync(git.Root, Stop);
        foreach (var (runner, other) in new[] { (first, "second"), (second, "first") })
        {
            // The server's data, the repositories, every bundle that tests keep, and the other runner's disk.
            foreach (var path in new[] { folder.Path, SourcePackage.Cache, disks[other] })
                await runner.HideAsync(path, Stop);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await git.DisposeAsync();
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
        await using var server = await StartServerAsync(queue);
        await using var one = await StartRunnerAsync(server, first, "first", queue);
        await using var two = await StartRunnerAsync(server, second, "second", queue);
        await BothFetchAndReachTheNetworkAsync(server);
        var tree = Path.Combine(git.Root, Project);
        await SourcePackage.UnpackAsync(Project, tree, Stop);
        using var repository = new GitRepository(tree).Commit($"{Project}, as released");
        foreach (var host in new[] { head, first, second })
            Assert.False(await host.HasAsync(tree, Stop));
        var secret = await RegisterAsync(server, Project);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await Chromium.LaunchAsync(playwright);
        var runners = await Chromium.SignInAsync(browser, server, Stop);
        var grid = await Chromium.SignInAsync(browser, server, Stop);
        await runners.GotoAsync($"{server.Url}runners");
        await RowOf(runners, "first").GetByText("connected").WaitForAsync();

        var build = await server.PushAsync(repository, $"real/{Project}", secret, Stop);
        await grid.GotoAsync($"{server.Url}builds/{build}"); // never loaded again: what it shows came to it
        var lost = await RunsOnBothAsync(server, build);
        await server.LogHasAsync(lost, "$ make", Stop);
        await first.LinkAsync("down", Stop);
        await grid.Locator("table").GetByText("running").First.WaitForAsync();
        await RowOf(runners, "first").GetByText($"job {lost}").WaitForAsync();
        await RowOf(runners, "first").GetByText("away").WaitForAsync();
        await RowOf(runners, "first").GetByText("last heard").WaitForAsync();
        await Chromium.SaveAsync(runners, "runner-away");
        var ended = await server.FinishedAsync(build, Stop);
        await grid.Locator("table").GetByText("passed").Nth(1).WaitForAsync();
        await Chromium.SaveAsync(grid, "two-hosts-passed");
        await first.LinkAsync("up", Stop);
        await RowOf(runners, "first").GetByText("connected").WaitForAsync();
        await one.SaysAsync("is back", Stop);

        var jobs = ended.GetProperty("jobs").EnumerateArray().ToArray();
        Assert.All(jobs, job => Assert.Equal("passed", job.Text("state")));
        Assert.All(jobs, job => Assert.Equal("second", job.Text("runner")));
        await OneDigestEverywhereAsync(server, jobs);
        // Asked now: what the first tells of its attempt when it is back must change nothing.
        var detail = await server.GetAsync($"/api/v1/jobs/{lost}", Stop);
        var attempts = detail.GetProperty("attempts").EnumerateArray().ToArray();
        Assert.Equal(["first", "second"], attempts.Select(attempt => attempt.Text("runner")));
        Assert.Single(attempts, attempt => attempt.Text("state") == "passed");
        Assert.Equal("passed", detail.GetProperty("job").Text("state"));
        var log = await server.LogAsync(lost, Stop);
        const string again = "attempt 1 on first did not end: its runner was not heard from";
        Assert.Contains("attempt 2 on second", log, StringComparison.Ordinal);
        Assert.Contains(again, log, StringComparison.Ordinal);
        Assert.Contains("requests okay", log, StringComparison.Ordinal); // the project's own tests, to their end
        var before = await server.Http.GetStringAsync($"/api/v1/jobs/{lost}/log?attempt=1", Stop);
        Assert.Contains("attempt 1 on first", before, StringComparison.Ordinal);
        // And for a person who asks the page what happened.
        await grid.GotoAsync($"{server.Url}jobs/{lost}");
        await grid.GetByText(again).First.WaitForAsync();
        await grid.GetByLabel("Attempt").WaitForAsync();
        await Chromium.SaveAsync(grid, "two-hosts-job");
    }

    private async Task<TestHost> AddAsync(string name, string disk)
    {
        var host = await network.AddAsync(name, Stop);
        // Each machine trusts the git host's authority, by a file of its own.
        var file = Path.Combine(disk, name + ".pem");
        File.Copy(git.AuthorityFile, file, overwrite: true);
        host.Environment["SSL_CERT_FILE"] = file;
        return host;
    }

    private static ILocator RowOf(IPage runners, string name) =>
        runners
            .Locator(".runner-row")
            .Filter(new() { Has = runners.GetByRole(AriaRole.Heading, new() { Name = name }) });

    /// <summary>What ran is the server's bundle on both, and it came over the network.</summary>
    private async Task OneDigestEverywhereAsync(TestGridProcess server, JsonElement[] jobs)
    {
        var digest = Assert.Single(jobs.Select(job => job.Text("bundleDigest")!).Distinct());
        var tree = Path.Combine("bundles", "trees", digest.Split(':')[1]);
        Assert.True(await head.HasAsync(Path.Combine(SourcePackage.Cache, tree), Stop));
        foreach (var (host, name) in new[] { (first, "first"), (second, "second") })
        {
            Assert.False(await host.HasAsync(Path.Combine(SourcePackage.Cache, tree), Stop));
            Assert.True(await host.HasAsync(Path.Combine(disks[name], tree, "lock.json"), Stop));
        }
        foreach (var one in (await server.GetAsync("/api/v1/runners", Stop)).EnumerateArray())
            Assert.Equal(["c"], one.Texts("bundles"));
    }

    private async Task<string> RegisterAsync(TestGridProcess server, string name)
    {
        var added = await server.PostAsync(
            "/api/v1/repositories",
            new { url = $"{git.Url}private/{name}", slug = $"real/{name}" },
            Stop
        );
        using var set = await server.Http.PutAsJsonAsync(
            $"/api/v1/repositories/{added.GetProperty("repository").GetProperty("id")}/credential",
            new { user = GitHttpsServer.User, password = GitHttpsServer.Password },
            Stop
        );
        Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync(Stop));
        return added.Text("secret")!;
    }

    private async Task<TestGridProcess> StartServerAsync(string[] queue)
    {
        var data = Directory.CreateDirectory(Path.Combine(folder.Path, "head")).FullName;
        await File.WriteAllTextAsync(
            Path.Combine(data, "testgrid.json"),
            """
            {
              "runners": { "allowInsecure": true },
              "leases": { "time": "00:00:08" },
              "scheduling": { "awayAfter": "00:00:09" }
            }
            """,
            Stop
        );
        return await TestGridProcess.StartOnAsync(head, data, Stop, ["--slots", "0", .. queue]);
    }

    private async Task<ProgramProcess> StartRunnerAsync(
        TestGridProcess server,
        TestHost host,
        string name,
        string[] queue
    )
    {
        var disk = disks[name];
        File.Delete(Path.Combine(disk, "runner-token")); // of the server of the test before this one
        await File.WriteAllTextAsync(
            Path.Combine(disk, "testgrid.json"),
            $$"""{ "sandbox": { "allowedNetworks": ["{{network.Range}}"] } }""",
            Stop
        );
        string[] more = ["--allow-insecure", "--bundles", Path.Combine(disk, "bundles"), .. queue];
        return await RunnerProcess.StartOnAsync(host, server, name, disk, Stop, more);
    }

    /// <summary>
    /// A job on each runner. It brings the bundle to both, and a sandbox's network is made inside its machine's: it reaches
    /// what that reaches.
    /// </summary>
    private async Task BothFetchAndReachTheNetworkAsync(TestGridProcess server)
    {
        using var repository = new GitRepository(Path.Combine(git.Root, "small")).Write(
            ".testgrid.yml",
            $$"""
            language: c
            compiler: gcc
            tty: false
            env: [N=1, N=2]
            script:
              - exec 3<>/dev/tcp/{{head.Address}}/8080
              - printf 'GET /livez HTTP/1.0\r\nHost:{{head.Address}}\r\n\r\n' >&3
              - cat <&3
              - sleep 2 # or one runner might do both
            """
        );
        repository.Commit();
        var secret = await RegisterAsync(server, "small");
        var build = await server.PushAsync(repository, "real/small", secret, Stop);
        var ended = await server.FinishedAsync(build, Stop);
        var runners = ended.GetProperty("jobs").EnumerateArray().Select(job => job.Text("runner")).Order();
        Assert.Equal(["first", "second"], runners);
        foreach (var cell in new[] { 1, 2 })
            Assert.Contains("200 OK", await server.LogAsync($"{build}.{cell}", Stop), StringComparison.Ordinal);
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
}
