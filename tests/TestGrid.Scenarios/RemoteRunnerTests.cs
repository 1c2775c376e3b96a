using System.Text.Json;
using Microsoft.Playwright;
using TestGrid.Scenarios.Support;
using TestGrid.Tests.Support;
using TempFolder = TestGrid.Scenarios.Support.TempFolder;

namespace TestGrid.Scenarios;

/// <summary>The real program twice: a server that runs nothing itself, and a runner in a process of its own.</summary>
public sealed class RemoteRunnerTests : IDisposable
{
    private readonly TempFolder data = new();
    private readonly TempFolder runnerData = new();
    private readonly TempFolder source = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_runner_takes_its_orders_from_the_broker_and_tells_the_server_of_them()
    {
        await using var broker = new RabbitBroker();
        await broker.StartAsync(Stop);
        using var repository = new GitRepository(source.Path).Write(
            ".testgrid.yml",
            "tty: false\nscript:\n  - echo letters=${#CANARY}\n"
        );
        repository.Commit();
        await using var server = await TestGridProcess.StartAsync(
            data.Path,
            Stop,
            "--queue",
            broker.Url,
            "--slots",
            "0"
        );
        await using var runner = await RunnerProcess.StartAsync(
            server,
            "far",
            runnerData.Path,
            Stop,
            "--queue",
            broker.Url
        );
        var hook = await server.RegisterAsync(repository.Folder, "far/test", Stop);
        using (var secret = System.Net.Http.Json.JsonContent.Create(new { value = "c4n4ry-over-http" }))
        using (var set = await server.Http.PutAsync("/api/v1/repositories/1/secrets/CANARY", secret, Stop))
            Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync(Stop));

        var build = await server.PushAsync(repository, "far/test", hook, Stop);
        var job = (await server.FinishedAsync(build, Stop)).GetProperty("jobs")[0];
        // The runner asked the broker and not the server: with its own link to it cut, no order comes any more.
        await broker.KillAsync();
        var second = await server.PushAsync(repository, "far/test", hook, Stop, "other");
        Assert.Contains(
            "the queue at",
            await server.WaitsForAsync(second, "the queue at", Stop) ?? "",
            StringComparison.Ordinal
        );
        await runner.SaysAsync($"127.0.0.1:{broker.Port}", Stop);
        await broker.StartAsync(Stop);
        var after = (await server.FinishedAsync(second, Stop)).GetProperty("jobs")[0];

        Assert.Equal(("passed", "far"), (job.Text("state"), job.Text("runner")));
        Assert.Equal(("passed", "far"), (after.Text("state"), after.Text("runner")));
        Assert.Contains("letters=16", await server.LogAsync($"{build}.1", Stop), StringComparison.Ordinal);
        Assert.True(broker.Wrote("letters=")); // the order was here
        Assert.False(broker.Wrote("c4n4ry-over-http"));
    }

    [Fact, Trait("Slow", "true")]
    public async Task A_runner_runs_the_very_bundle_of_its_server_whatever_it_has_by_the_same_name_and_the_job_says_so()
    {
        var own = await HaveAnotherBaseAsync(Path.Combine(runnerData.Path, "bundles"));
        using var repository = new GitRepository(source.Path).Write(".testgrid.yml", "script: echo here I am\n");
        repository.Commit();
        await using var server = await TestGridProcess.StartAsync(data.Path, Stop, "--slots", "0");
        await using var runner = await RunnerProcess.StartAsync(
            server,
            "far",
            runnerData.Path,
            Stop,
            "--bundles",
            Path.Combine(runnerData.Path, "bundles")
        );
        var hook = await server.RegisterAsync(repository.Folder, "far/test", Stop);

        var build = await server.PushAsync(repository, "far/test", hook, Stop);
        var waits = await server.WaitsForAsync(build, "fetching it from the server", Stop);
        var job = (await server.FinishedAsync(build, Stop)).GetProperty("jobs")[0];

        Assert.Contains("fetching it from the server", waits ?? "", StringComparison.Ordinal);
        Assert.Equal(("passed", "far"), (job.Text("state"), job.Text("runner")));
        var trees = Directory.GetDirectories(Path.Combine(runnerData.Path, "bundles", "trees"));
        var tree = Path.GetFileName(Assert.Single(trees, tree => Path.GetFileName(tree) != own));
        Assert.Equal(job.Text("bundleDigest"), "sha256:" + tree);
        Assert.Equal(2, trees.Length);
        Assert.True(Directory.Exists(Path.Combine(SourcePackage.Cache, "bundles", "trees", tree)));
    }

    /// <summary>A store whose bundle of the recipe is another one, with nothing in it: no job could run there.</summary>
    private static async Task<string> HaveAnotherBaseAsync(string store)
    {
        var other = new string('e', 64);
        var index = Directory.GetFiles(Path.Combine(SourcePackage.Cache, "bundles", "index"), "base-*.json");
        foreach (var file in index)
        {
            var record = await File.ReadAllTextAsync(file, Stop);
            var text = System.Text.RegularExpressions.Regex.Replace(record, "sha256:[0-9a-f]{64}", "sha256:" + other);
            var (to, tree) = (Path.Combine(store, "index"), Path.Combine(store, "trees", other));
            Directory.CreateDirectory(to);
            Directory.CreateDirectory(Path.Combine(tree, "root"));
            await File.WriteAllTextAsync(Path.Combine(to, Path.GetFileName(file)), text, Stop);
            await File.WriteAllTextAsync(Path.Combine(tree, "bundle.json"), text, Stop);
            await File.WriteAllBytesAsync(Path.Combine(tree, "lease"), [], Stop);
        }
        Assert.NotEmpty(index);
        return other;
    }

    [Fact]
    public async Task A_runner_with_a_broker_that_its_server_does_not_use_says_so_at_once()
    {
        await using var server = await TestGridProcess.StartAsync(data.Path, Stop, "--slots", "0");
        var token = Path.Combine(runnerData.Path, "token");
        var made = await server.PostAsync("/api/v1/runner-tokens", new { name = "far" }, Stop);
        await File.WriteAllTextAsync(token, made.Text("token"), Stop);

        await using var runner = ProgramProcess.Start(
            "runner",
            "--server",
            server.Url.ToString(),
            "--token-file",
            token,
            "--data",
            runnerData.Path,
            "--queue",
            "amqp://guest@127.0.0.1:1"
        );

        Assert.Equal(2, await runner.ExitAsync(Stop));
        Assert.Contains("has its jobs in sqlite", runner.Said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Runner_list_and_the_runners_page_show_what_a_remote_runner_offers_runs_and_when_it_was_heard()
    {
        using var repository = new GitRepository(source.Path).Write(
            ".testgrid.yml",
            "script:\n  - echo on\n  - sleep 600\n"
        );
        repository.Commit();
        await using var server = await TestGridProcess.StartAsync(data.Path, Stop, "--slots", "0");
        var began = TimeProvider.System.GetUtcNow().AddSeconds(-1);
        var runner = await RunnerProcess.StartAsync(server, "far", runnerData.Path, Stop);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await Chromium.LaunchAsync(playwright);
        var page = await Chromium.SignInAsync(browser, server, Stop);
        await page.GotoAsync($"{server.Url}runners");
        var row = page.Locator(".runner-row");
        await row.GetByText("0 of 1 slot busy").WaitForAsync();
        var hook = await server.RegisterAsync(repository.Folder, "far/list", Stop);
        var build = await server.PushAsync(repository, "far/list", hook, Stop);
        await server.LogHasAsync($"{build}.1", "$ sleep 600", Stop);

        var shown = JsonSerializer.Deserialize<JsonElement>((await ListAsync(server, "--json")).Trim());
        Assert.Equal(
            ("far", "connected", 1),
            (shown.Text("name"), shown.Text("state"), shown.GetProperty("slots").GetInt32())
        );
        Assert.Equal(["native"], shown.Texts("engines"));
        Assert.Contains("base", shown.Texts("bundles"));
        Assert.Equal([$"{build}.1"], shown.Texts("jobs"));
        Assert.InRange(
            shown.GetProperty("heardAt").GetDateTimeOffset(),
            began,
            TimeProvider.System.GetUtcNow().AddSeconds(1)
        );
        var table = (await ListAsync(server)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches("runner +state +jobs +engines +bundles +machine +version +last heard", table[0]);
        Assert.Matches(
            $@"far +. connected +1 of 1: {build}\.1 +native +base.* \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\dZ",
            table[1]
        );

        // The page was open before any of it, and was not asked again.
        await row.GetByText("1 of 1 slot busy").WaitForAsync();
        await row.GetByRole(AriaRole.Link, new() { Name = $"job {build}.1" }).WaitForAsync();
        foreach (var words in new[] { "connected", "native", "heard" })
            await row.GetByText(words).First.WaitForAsync();
        Assert.Contains("base", await row.InnerTextAsync(), StringComparison.Ordinal);
        await Chromium.SaveAsync(page, "runner-remote");
        await runner.DisposeAsync();
        await row.GetByText("said goodbye").WaitForAsync();

        Assert.Contains("stopped", (await ListAsync(server)).Split('\n')[1], StringComparison.Ordinal);
    }

    private async Task<string> ListAsync(TestGridProcess server, params string[] more)
    {
        var environment = new Dictionary<string, string>
        {
            ["TESTGRID_URL"] = server.Url.ToString(),
            ["TESTGRID_TOKEN"] = server.Token,
        };
        var called = await CommandLine.CallAsync(source.Path, environment, "", ["runner", "list", .. more], Stop);
        Assert.True(called.ExitCode == 0, called.Errors);
        return called.Output;
    }

    [Fact]
    public async Task A_second_runner_of_the_same_name_is_refused_and_the_first_starts_again_at_once()
    {
        await using var server = await TestGridProcess.StartAsync(data.Path, Stop, "--slots", "0");
        await using var first = await RunnerProcess.StartAsync(server, "far", runnerData.Path, Stop);
        using var copied = new TempFolder();
        var token = Path.Combine(copied.Path, "runner-token");
        File.Copy(Path.Combine(runnerData.Path, "runner-token"), token);

        await using var second = ProgramProcess.Start(
            "runner",
            "--server",
            server.Url.ToString(),
            "--token-file",
            token,
            "--name",
            "far",
            "--data",
            copied.Path
        );
        Assert.Equal(3, await second.ExitAsync(Stop));
        Assert.Contains("A runner called far was heard", second.Said, StringComparison.Ordinal);
        Assert.Contains("Give this one its own name with --name", second.Said, StringComparison.Ordinal);

        await first.KillAsync(); // no goodbye
        await using var again = await RunnerProcess.StartAsync(server, "far", runnerData.Path, Stop);
        var runners = await server.GetAsync("/api/v1/runners", Stop);
        Assert.Equal("connected", Assert.Single(runners.EnumerateArray()).Text("state"));
    }

    [Fact]
    public async Task A_runner_at_another_queue_of_the_broker_says_so_at_its_start_and_ends_when_the_server_moves()
    {
        await using var broker = new RabbitBroker();
        await broker.StartAsync(Stop);
        string[] queue = ["--queue", broker.Url];
        await File.WriteAllTextAsync(
            Path.Combine(runnerData.Path, "testgrid.json"),
            """{ "queue": { "name": "other.jobs" } }""",
            Stop
        );
        var server = await TestGridProcess.StartAsync(data.Path, Stop, ["--slots", "0", .. queue]);
        var made = await server.PostAsync("/api/v1/runner-tokens", new { name = "far" }, Stop);
        var token = Path.Combine(runnerData.Path, "runner-token");
        await File.WriteAllTextAsync(token, made.Text("token"), Stop);
        string[] arguments = ["runner", "--server", server.Url.ToString(), "--token-file", token, "--name", "far"];

        await using (var lost = ProgramProcess.Start([.. arguments, "--data", runnerData.Path, .. queue]))
        {
            Assert.Equal(2, await lost.ExitAsync(Stop));
            Assert.Contains("waits at other.jobs in '/', where none would come", lost.Said, StringComparison.Ordinal);
            Assert.Contains("same queue:name in testgrid.json", lost.Said, StringComparison.Ordinal);
        }

        File.Delete(Path.Combine(runnerData.Path, "testgrid.json"));
        await using var runner = await RunnerProcess.StartAsync(server, "far", runnerData.Path, Stop, queue);
        await server.DisposeAsync();
        await using var moved = await TestGridProcess.StartAsync(
            data.Path,
            Stop,
            ["--slots", "0", "--listen", server.Url.ToString().TrimEnd('/')]
        );
        Assert.Equal(3, await runner.ExitAsync(Stop));
        Assert.Contains("it has its jobs in sqlite", runner.Said, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        data.Dispose();
        runnerData.Dispose();
        source.Dispose();
    }
}
