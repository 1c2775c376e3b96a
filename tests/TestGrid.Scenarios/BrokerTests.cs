using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Playwright;
using TestGrid.Scenarios.Support;
using TestGrid.Tests.Support;
using TempFolder = TestGrid.Scenarios.Support.TempFolder;

namespace TestGrid.Scenarios;

/// <summary>The real program with its jobs on a real broker, which is killed while it works.</summary>
public sealed class BrokerTests : IAsyncLifetime
{
    private const string Slug = "broker/test";

    private readonly RabbitBroker broker = new();
    private readonly TempFolder data = new();
    private readonly TempFolder source = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await broker.StartAsync(Stop);

    public async ValueTask DisposeAsync()
    {
        await broker.DisposeAsync();
        data.Dispose();
        source.Dispose();
    }

    [Fact]
    public async Task Of_all_messages_that_a_build_on_a_remote_runner_made_none_holds_a_secret()
    {
        using var runnerData = new TempFolder();
        var password = Path.Combine(data.Path, "broker-password");
        await File.WriteAllTextAsync(password, "c4n4ry-of-the-broker\n", Stop);
        await broker.PasteAsync(
            """
            rabbitmqctl add_user testgrid && rabbitmqctl add_vhost testgrid &&
            rabbitmqctl set_permissions -p testgrid testgrid '.*' '.*' '.*' &&
            rabbitmqctl set_permissions -p testgrid guest '.*' '.*' '.*' && rabbitmqctl trace_on -p testgrid
            """,
            "c4n4ry-of-the-broker\n",
            Stop
        );
        await using var wire = await Wire.TapAsync(broker.Port, "testgrid", Stop);
        string[] queue =
        [
            "--queue",
            $"amqp://testgrid@127.0.0.1:{broker.Port}/testgrid",
            "--queue-password-file",
            password,
        ];
        using var repository = Repository("echo letters=${#CANARY}");
        await using var server = await TestGridProcess.StartAsync(data.Path, Stop, ["--slots", "0", .. queue]);
        var hook = await server.RegisterAsync(repository.Folder, Slug, Stop);
        foreach (
            var (path, body) in new (string, object)[]
            {
                ("secrets/CANARY", new { value = "c4n4ry-of-the-job" }),
                ("credential", new { user = "ci", password = "c4n4ry-of-the-repository" }),
            }
        )
        {
            using var set = await server.Http.PutAsJsonAsync($"/api/v1/repositories/1/{path}", body, Stop);
            Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync(Stop));
        }
        await using var runner = await RunnerProcess.StartAsync(server, "far", runnerData.Path, Stop, queue);

        var build = await server.PushAsync(repository, Slug, hook, Stop);
        var ended = await server.FinishedAsync(build, Stop);

        Assert.Equal("passed", ended.GetProperty("jobs")[0].Text("state"));
        Assert.Contains("letters=17", await server.LogAsync($"{build}.1", Stop), StringComparison.Ordinal); // it had it
        var messages = await wire.UntilAsync(seen => seen.Any(one => one.StartsWith("deliver.")), Stop);
        // Each comes by twice: published by the server, delivered to the runner; and these are the ones.
        Assert.Contains(messages, one => one.StartsWith("publish.") && one.Contains("letters="));
        Assert.Contains(messages, one => one.StartsWith("deliver.") && one.Contains("letters="));
        var token = await File.ReadAllTextAsync(Path.Combine(runnerData.Path, "runner-token"), Stop);
        foreach (var secret in new[] { "c4n4ry", hook, token.Trim(), server.Token })
        {
            Assert.DoesNotContain(messages, one => one.Contains(secret, StringComparison.Ordinal));
            Assert.False(broker.Wrote(secret)); // nor on its disk, whatever the traffic was
        }
    }

    [Fact]
    public async Task A_server_without_its_broker_is_alive_and_not_ready()
    {
        await using var server = await StartAsync(slots: 0);
        await broker.KillAsync();

        var (alive, ready) = (await HealthAsync(server, "--alive"), await HealthAsync(server));

        Assert.Equal((0, "ok\n"), (alive.ExitCode, alive.Output));
        Assert.Equal(3, ready.ExitCode);
        Assert.Contains("The queue is away", ready.Errors, StringComparison.Ordinal);
    }

    private Task<Called> HealthAsync(TestGridProcess server, params string[] more) =>
        CommandLine.CallAsync(
            source.Path,
            new Dictionary<string, string>(),
            "",
            ["health", "--server", $"{server.Url}", .. more],
            Stop
        );

    [Fact]
    public async Task A_push_runs_over_a_broker_and_no_secret_was_in_its_message()
    {
        using var repository = Repository("echo letters=${#CANARY}");
        await using var server = await StartAsync(slots: 1);
        var hook = await server.RegisterAsync(repository.Folder, Slug, Stop);
        using var secret = JsonContent.Create(new { value = "c4n4ry-in-the-queue" });
        using (var set = await server.Http.PutAsync("/api/v1/repositories/1/secrets/CANARY", secret, Stop))
            Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync(Stop));

        var build = await server.PushAsync(repository, Slug, hook, Stop);
        var ended = await server.FinishedAsync(build, Stop);

        Assert.Equal("passed", ended.GetProperty("jobs")[0].Text("state"));
        Assert.Contains("letters=19", await server.LogAsync($"{build}.1", Stop), StringComparison.Ordinal);
        Assert.True(broker.Wrote("letters=")); // the order was here
        Assert.False(broker.Wrote("c4n4ry-in-the-queue"));
    }

    [Fact, Trait("Slow", "true")]
    public async Task Of_500_pushes_with_the_broker_killed_among_them_each_becomes_one_build_that_passes_once()
    {
        const int Pushes = 500;
        using var repository = Repository("true");
        await using var server = await StartAsync(slots: 4);
        var secret = await server.RegisterAsync(repository.Folder, Slug, Stop);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await Chromium.LaunchAsync(playwright);
        var pages = await WatchAsync(server, browser);
        var begun = Stopwatch.GetTimestamp();
        var answered = 0;
        var killed = new TaskCompletionSource();
        var builds = new long[Pushes];
        var slowest = TimeSpan.Zero;

        await Parallel.ForAsync(
            0,
            Pushes,
            new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Stop },
            async (push, stop) =>
            {
                var sent = Stopwatch.GetTimestamp();
                builds[push] = await server.PushAsync(repository, Slug, secret, stop, $"branch-{push}"); // 202, or it throws
                var took = Stopwatch.GetElapsedTime(sent);
                lock (builds)
                    slowest = took > slowest ? took : slowest;
                if (Interlocked.Increment(ref answered) == Pushes / 3)
                {
                    await broker.KillAsync();
                    killed.SetResult();
                }
            }
        );
        var words = $"the queue at 127.0.0.1:{broker.Port} is away: connection refused; trying again";
        Assert.True(killed.Task.IsCompletedSuccessfully);
        Assert.Equal(words, await server.WaitsForAsync(builds[^1], words, Stop));
        using (var ready = await server.Http.GetAsync("/readyz", Stop))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
            Assert.Contains(words, await ready.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        }
        var finishedBefore = await FinishedAsync(server);
        foreach (var (look, page) in pages)
        {
            var banner = page.GetByRole(AriaRole.Alert);
            await banner.GetByText("The queue is away").WaitForAsync();
            Assert.Contains(words, await banner.InnerTextAsync(), StringComparison.Ordinal);
            Assert.Contains(Remedy(broker.Port), await banner.InnerTextAsync(), StringComparison.Ordinal);
            await Chromium.SaveAsync(page, $"queue-away-{look}");
        }
        await broker.StartAsync(Stop);
        foreach (var (_, page) in pages) // and nobody loads anything again
            await page.Locator(".banner").WaitForAsync(new() { State = WaitForSelectorState.Detached });
        await server.FinishedAsync(builds.Order().ElementAt(Pushes / 2), Stop);
        await broker.KillAsync(); // and once more, with orders on it and runners waiting for them
        await broker.StartAsync(Stop);
        foreach (var build in builds)
            await server.FinishedAsync(build, Stop);

        Assert.InRange(finishedBefore, 0, Pushes - 1);
        Assert.Equal(Pushes, builds.Distinct().Count());
        Assert.Equal(Pushes, await CountAsync(server));
        foreach (var build in builds)
        {
            var job = Assert.Single(
                (await server.GetAsync($"/api/v1/builds/{build}", Stop)).GetProperty("jobs").EnumerateArray()
            );
            Assert.Equal(("passed", 1), (job.Text("state"), job.GetProperty("attempt").GetInt32()));
        }
        using (var ready = await server.Http.GetAsync("/readyz", Stop))
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{Pushes} pushes in {Stopwatch.GetElapsedTime(begun).TotalSeconds:F0} s, {finishedBefore} finished before the broker came back; "
                + $"slowest 202: {slowest.TotalMilliseconds:F0} ms"
        );
    }

    private static string Remedy(int port) =>
        $"systemctl start rabbitmq-server   # on 127.0.0.1; it shall listen on port {port}";

    /// <summary>The list of builds, in both themes, with nothing to say yet.</summary>
    private static async Task<List<(ColorScheme Look, IPage Page)>> WatchAsync(TestGridProcess server, IBrowser browser)
    {
        var pages = new List<(ColorScheme, IPage)>();
        foreach (var look in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            var page = await browser.NewPageAsync(new() { ColorScheme = look });
            page.SetDefaultTimeout(60_000);
            await page.GotoAsync($"{server.Url}");
            await page.GetByText("live", new() { Exact = true }).WaitForAsync();
            Assert.Equal(0, await page.Locator(".banner").CountAsync());
            pages.Add((look, page));
        }
        return pages;
    }

    private GitRepository Repository(string script)
    {
        var repository = new GitRepository(source.Path).Write(".testgrid.yml", $"tty: false\nscript:\n  - {script}\n");
        return repository.Commit();
    }

    private Task<TestGridProcess> StartAsync(int slots) =>
        TestGridProcess.StartAsync(data.Path, Stop, "--queue", broker.Url, "--slots", $"{slots}");

    private static async Task<int> FinishedAsync(TestGridProcess server) =>
        (await AllAsync(server)).Count(build => build.Text("finishedAt") is not null);

    private static async Task<int> CountAsync(TestGridProcess server) => (await AllAsync(server)).Count;

    private static async Task<List<JsonElement>> AllAsync(TestGridProcess server)
    {
        var all = new List<JsonElement>();
        var before = "";
        while (true)
        {
            var page = await server.GetAsync($"/api/v1/builds?limit=200{before}", Stop);
            all.AddRange(page.GetProperty("builds").EnumerateArray());
            if (!page.TryGetProperty("before", out var next) || next.ValueKind is not JsonValueKind.Number)
                return all;
            before = $"&before={next.GetInt64()}";
        }
    }
}
