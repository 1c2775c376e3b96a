using System.Text.Json;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>Each verb that asks a server for something, called as a command.</summary>
public sealed class CommandVerbTests(SharedServer shared) : IClassFixture<SharedServer>, IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Builds_and_jobs_say_what_they_wait_for_end_when_told_to_and_run_again()
    {
        // One job more than there are slots.
        var cells = Enumerable.Range(1, Environment.ProcessorCount + 1).ToArray();
        using var repository = new GitRepository(Path.Combine(folder.Path, "tree")).Write(
            ".testgrid.yml",
            $"env:\n{string.Concat(cells.Select(n => $"  - N={n}\n"))}script:\n  - echo begun\n  - sleep 600\n"
        );
        repository.Commit();
        await SucceedsAsync("repo", "add", repository.Folder, "--slug", "cli/sleeper");
        var first = BuildIn(await SucceedsAsync("build", "start", "cli/sleeper"));
        await shared.Server.LogHasAsync($"{first}.1", "begun", Stop);
        await foreach (var snapshot in shared.Server.WatchBuildAsync(first, Stop))
        {
            if (
                snapshot
                    .GetProperty("jobs")[cells.Length - 1]
                    .Text("waitsFor")
                    ?.StartsWith("no free", StringComparison.Ordinal) == true
            )
                break;
        }

        var list = await SucceedsAsync("build", "list", "--repo", "cli/sleeper");
        var show = await SucceedsAsync("build", "show", $"{first}");
        var job = await SucceedsAsync("job", "show", $"{first}.{cells.Length}");
        var cancelled = await SucceedsAsync("build", "cancel", $"{first}");

        Assert.Contains("1 waiting", list, StringComparison.Ordinal);
        Assert.Contains("no free slot (", show, StringComparison.Ordinal);
        Assert.Contains("waiting. no free slot (", job, StringComparison.Ordinal);
        Assert.Contains($"build {first} is being cancelled", cancelled, StringComparison.Ordinal);
        var ended = await shared.Server.FinishedAsync(first, Stop);
        Assert.All(ended.GetProperty("jobs").EnumerateArray(), one => Assert.Equal("cancelled", one.Text("state")));
        var over = await CallAsync("build", "cancel", $"{first}");
        Assert.Equal(3, over.ExitCode);
        Assert.Contains("is over", over.Errors + over.Output, StringComparison.OrdinalIgnoreCase);

        // A job's own verbs: one cell again, and an end to it.
        var second = BuildIn(await SucceedsAsync("job", "rerun", $"{first}.2"));
        await shared.Server.LogHasAsync($"{second}.2", "begun", Stop);
        await SucceedsAsync("job", "cancel", $"{second}.2");
        var alone = Assert.Single(
            (await shared.Server.FinishedAsync(second, Stop)).GetProperty("jobs").EnumerateArray()
        );
        Assert.Equal("cancelled", alone.Text("state"));

        var third = BuildIn(await SucceedsAsync("build", "rerun", $"{first}"));
        Assert.Equal(cells.Length, (await PlannedAsync(third)).GetArrayLength());
        await SucceedsAsync("build", "cancel", $"{third}");
        await shared.Server.FinishedAsync(third, Stop);
    }

    [Fact]
    public async Task A_token_opens_the_server_until_it_is_revoked()
    {
        var token = (await SucceedsAsync("token", "create", "laptop")).Trim();
        var mine = new Dictionary<string, string> { ["TESTGRID_TOKEN"] = token };

        var list = await CallWithAsync(mine, "", "token", "list", "--json");
        Assert.True(list.ExitCode == 0, list.Errors);
        Assert.StartsWith("tg_", token, StringComparison.Ordinal);
        Assert.DoesNotContain(token, list.Output, StringComparison.Ordinal);
        var id = list
            .Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line))
            .Single(one => one.Text("name") == "laptop")
            .GetProperty("id");
        await SucceedsAsync("token", "revoke", $"{id}");

        var refused = await CallWithAsync(mine, "", "token", "list");
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("revoked", refused.Errors, StringComparison.Ordinal);
        var again = await CallAsync("token", "revoke", $"{id}");
        Assert.Equal(5, again.ExitCode);
        Assert.Contains("token list", again.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repository_gets_and_loses_a_credential_and_is_removed()
    {
        await SucceedsAsync("repo", "add", "https://git.example.org/cli/private.git");
        var known = Path.Combine(folder.Path, "known_hosts");
        await File.WriteAllTextAsync(known, "git.example.org ssh-ed25519 AAAA\n", Stop);
        string[] set = ["repo", "credential", "set", "cli/private"];

        var password = await CallWithAsync([], "hush-hush\n", [.. set, "--user", "ada"]);
        var key = await CallWithAsync([], "A KEY\n", [.. set, "--key-file", "-", "--known-hosts", known]);
        var half = await CallWithAsync([], "A KEY\n", [.. set, "--key-file", "-"]);
        var nothing = await CallWithAsync([], "", set);
        var list = await SucceedsAsync("repo", "list");
        await SucceedsAsync("repo", "credential", "remove", "cli/private");
        var removed = await SucceedsAsync("repo", "remove", "cli/private");

        Assert.True(password.ExitCode == 0, password.Errors);
        Assert.DoesNotContain("hush-hush", password.Output + password.Errors, StringComparison.Ordinal);
        Assert.True(key.ExitCode == 0, key.Errors);
        Assert.Equal(2, half.ExitCode);
        Assert.Contains("--known-hosts", half.Errors, StringComparison.Ordinal);
        Assert.Equal(3, nothing.ExitCode); // an empty password is none
        Assert.Contains("cli/private", list, StringComparison.Ordinal);
        Assert.Contains("cli/private is removed", removed, StringComparison.Ordinal);
        Assert.DoesNotContain("cli/private", await SucceedsAsync("repo", "list"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_store_says_where_it_is_and_gives_up_what_a_crash_left()
    {
        var bundles = Path.Combine(folder.Path, "bundles");
        var left = Directory.CreateDirectory(Path.Combine(bundles, "tmp", "half-built")).FullName;

        var path = await SucceedsAsync("store", "path");
        var collected = await CallWithAsync(new() { ["TESTGRID_BUNDLES__ROOTPATH"] = bundles }, "", "store", "gc");

        Assert.Equal(Path.Combine(folder.Path, "data"), path.Trim());
        Assert.True(collected.ExitCode == 0, collected.Errors);
        Assert.Contains("MiB back", collected.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(left));
    }

    public void Dispose() => folder.Dispose();

    private static long BuildIn(string output) => long.Parse(output.Split(':')[0].Split(' ')[1], null);

    private async Task<JsonElement> PlannedAsync(long build)
    {
        await foreach (var snapshot in shared.Server.WatchBuildAsync(build, Stop))
        {
            if (snapshot.GetProperty("jobs").GetArrayLength() > 0)
                return snapshot.GetProperty("jobs");
        }
        return default;
    }

    private async Task<string> SucceedsAsync(params string[] arguments)
    {
        var called = await CallAsync(arguments);
        Assert.True(called.ExitCode == 0, $"{string.Join(' ', arguments)}: {called.ExitCode}\n{called.Errors}");
        return called.Output;
    }

    private Task<Called> CallAsync(params string[] arguments) => CallWithAsync([], "", arguments);

    private Task<Called> CallWithAsync(Dictionary<string, string> environment, string input, params string[] arguments)
    {
        environment.TryAdd("TESTGRID_URL", shared.Server.Url.ToString());
        environment.TryAdd("TESTGRID_TOKEN", shared.Server.Token);
        return CommandLine.CallAsync(folder.Path, environment, input, arguments, Stop);
    }
}
