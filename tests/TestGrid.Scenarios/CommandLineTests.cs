using System.Text.Json;
using System.Text.RegularExpressions;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>The program as people and scripts call it: what it prints, and how it exits.</summary>
public sealed class CommandLineTests(SharedServer shared) : IClassFixture<SharedServer>, IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_work_trees_matrix_is_shown_and_run_here_without_a_server()
    {
        using var repository = new GitRepository(Path.Combine(folder.Path, "tree")).Write(
            ".testgrid.yml",
            "env:\n  - A=1\n  - A=2\nscript:\n  - echo \"words of $A\"\n  - test \"$A\" = 1\n"
        );
        repository.Commit();
        // What is not committed counts: it is what a person has before them.
        repository.Write("left", "uncommitted");

        var matrix = await CallAsync("config", "matrix", "-C", repository.Folder);
        var all = await CallAsync("run", "-C", repository.Folder);
        var one = await CallAsync("run", "-C", repository.Folder, "--only", "A=1");

        Assert.Equal(0, matrix.ExitCode);
        Assert.Contains("A=2", matrix.Output, StringComparison.Ordinal);
        Assert.Equal(1, all.ExitCode);
        Assert.Contains("words of 2", all.Output, StringComparison.Ordinal); // a failed job's whole log
        Assert.DoesNotContain("words of 1", all.Output, StringComparison.Ordinal);
        Assert.Equal(0, one.ExitCode);
        Assert.Contains("words of 1", one.Output, StringComparison.Ordinal); // a single job is followed
    }

    [Fact]
    public async Task A_secret_of_run_reaches_the_job_and_not_the_terminal()
    {
        using var repository = new GitRepository(Path.Combine(folder.Path, "tree")).Write(
            ".testgrid.yml",
            "script:\n  - echo \"it is $PASSWORD\"\n  - test \"$PASSWORD\" = correct-horse\n"
        );
        repository.Commit();

        var run = await CallWithAsync(
            new() { ["PASSWORD"] = "correct-horse" },
            "",
            "run",
            "-C",
            repository.Folder,
            "--secret",
            "PASSWORD"
        );

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("it is [secure]", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("correct-horse", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shell_stands_where_a_job_of_the_work_tree_would_and_says_which()
    {
        using var repository = new GitRepository(Path.Combine(folder.Path, "tree")).Write(
            ".testgrid.yml",
            "env:\n  global: GREETING=hello\n  matrix:\n    - N=1\n    - N=2\ninstall: touch /tmp/never\n"
        );
        repository.Commit();
        repository.Write("left", "uncommitted");
        var look = "echo $N $GREETING $TRAVIS $PWD; cat left; ls /tmp; exit 7";

        var called = await CallAsync("shell", "-C", repository.Folder, "--cell", "N=2", "--", "bash", "-c", look);
        var typed = await CommandLine.CallAsync(
            folder.Path,
            new Dictionary<string, string>(),
            "echo $N-$GREETING; exit 9\r",
            "script", // makes a terminal
            ["-qec", CommandLine.Words("shell", "-C", repository.Folder), "/dev/null"],
            Stop
        );
        var nobody = await CallAsync("shell", "-C", repository.Folder);
        var none = await CallAsync("shell", "-C", repository.Folder, "--cell", "N=3", "--", "true");

        Assert.Equal((7, "2 hello true /home/travis/build/local/tree\nuncommitted"), (called.ExitCode, called.Output));
        Assert.Matches("(?m)^bundle +base sha256:[0-9a-f]{64}\r?$", called.Errors);
        Assert.Matches("(?m)^cell +2 of 2: N=2\r?$", called.Errors);
        Assert.Matches("(?m)^network +names and the public internet", called.Errors);
        Assert.True(typed.ExitCode == 9, typed.Output);
        Assert.Contains("1-hello", typed.Output, StringComparison.Ordinal);
        Assert.Equal(2, nobody.ExitCode);
        Assert.Contains("testgrid shell -- make test", nobody.Errors, StringComparison.Ordinal);
        Assert.Equal(5, none.ExitCode);
    }

    [Fact]
    public async Task A_repository_is_added_built_by_hand_and_its_log_followed()
    {
        using var repository = new GitRepository(Path.Combine(folder.Path, "tree")).Write(
            ".testgrid.yml",
            """
            script:
              - echo the value is $TOKEN
              - perl -e '$x = "x" x (200 << 20); 1 for 1 .. 5_000_000'
            """
        );
        repository.Commit();

        var added = await CallAsync("repo", "add", repository.Folder, "--slug", "cli/tree");
        var secret = await CallWithAsync([], "a-secret-value\n", "secret", "set", "cli/tree", "TOKEN");
        var started = await CallAsync("build", "start", "cli/tree", "master");
        var id = started.Output.Split(':')[0].Split(' ')[1];
        await shared.Server.FinishedAsync(long.Parse(id, null), Stop);
        var log = await CallAsync("job", "logs", "-f", $"{id}.1");
        var list = await CallAsync("build", "list", "--json");
        var show = await CallAsync("job", "show", $"{id}.1");

        var perl = show.Output.Split('\n').Single(line => line.StartsWith("perl -e", StringComparison.Ordinal));
        Assert.True(Regex.IsMatch(perl, @" 0 +[0-9.]+ +[2-9][0-9]{2} MiB +[0-9]\.[0-9] s +0 MiB$"), show.Output);
        Assert.True(added.ExitCode == 0, added.Errors);
        Assert.Contains("/hooks/r/", added.Output, StringComparison.Ordinal);
        Assert.True(secret.ExitCode == 0, secret.Errors);
        Assert.True(started.ExitCode == 0, started.Errors);
        Assert.Contains("the value is [secure]", log.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("a-secret-value", log.Output, StringComparison.Ordinal);
        var build = JsonSerializer.Deserialize<JsonElement>(list.Output.Split('\n')[0]);
        Assert.Equal("passed", build.Text("state"));
    }

    [Theory]
    [InlineData(2, "no-such-verb")]
    [InlineData(2, "job", "logs", "forty-two")]
    [InlineData(2, "build", "show")]
    [InlineData(5, "build", "show", "99999")]
    [InlineData(5, "repo", "remove", "no/such")]
    [InlineData(0, "--help")]
    [InlineData(0, "completion", "bash")]
    public async Task Exit_codes_say_what_kind_of_thing_went_wrong(int exitCode, params string[] arguments)
    {
        var called = await CallAsync(arguments);

        Assert.True(exitCode == called.ExitCode, $"{called.ExitCode}\n{called.Output}{called.Errors}");
        if (exitCode != 0)
            Assert.NotEqual("", called.Errors.Trim());
    }

    [Fact]
    public async Task A_mistake_in_the_configuration_names_file_line_and_remedy()
    {
        using var repository = new GitRepository(Path.Combine(folder.Path, "tree")).Write(
            ".testgrid.yml",
            "script: true\nscritp: false\n"
        );

        var check = await CallAsync("config", "check", "-C", repository.Folder);

        Assert.Contains(".testgrid.yml:2:1:", check.Errors, StringComparison.Ordinal);
        Assert.Contains("script", check.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_check_says_of_a_configuration_is_what_its_build_says()
    {
        using var repository = new GitRepository(Path.Combine(folder.Path, "tree"))
            .Write(".testgrid.yml", "language: c\nif: branch = (\nscritp: make\n")
            .Commit();
        var secret = await shared.Server.RegisterAsync(repository.Folder, "cli/wrong", Stop);

        var check = await CallAsync("config", "check", "-C", repository.Folder, "--json");
        var build = await shared.Server.FinishedAsync(
            await shared.Server.PushAsync(repository, "cli/wrong", secret, Stop),
            Stop
        );

        var said = JsonSerializer.Deserialize<JsonElement>(check.Output).GetProperty("problems");
        Assert.Equal(2, said.GetArrayLength());
        Assert.Equal("errored", build.GetProperty("build").Text("state"));
        Assert.Equal("config", build.GetProperty("build").Text("reason"));
        Assert.StartsWith(".testgrid.yml:2:5: error TG0007: ", build.GetProperty("build").Text("sentence"));
        Assert.Equal(Places(said), Places(build.GetProperty("problems")));

        static IEnumerable<string> Places(JsonElement problems) =>
            problems
                .EnumerateArray()
                .Select(one =>
                    $"{one.Text("file")}:{one.GetProperty("line")}:{one.Text("code")} {one.Text("message")}"
                );
    }

    [Fact]
    public async Task A_busy_port_is_told_with_its_holder_and_the_way_out()
    {
        var called = await CallAsync(
            "server",
            "--listen",
            shared.Server.Url.ToString().TrimEnd('/'),
            "--data",
            Path.Combine(folder.Path, "other")
        );

        Assert.Equal(3, called.ExitCode);
        Assert.Contains($"process {shared.Server.ProcessId}", called.Errors, StringComparison.Ordinal);
        Assert.Contains("--listen", called.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_doctor_says_what_is_wrong_and_exits_by_it()
    {
        var file = Path.Combine(folder.Path, "file");
        await File.WriteAllTextAsync(file, "", Stop);

        var fit = await CallAsync("doctor", "--listen", "http://127.0.0.1:0");
        var ill = await CallAsync("doctor", "--listen", "http://127.0.0.1:0", "--data", file, "--json");

        Assert.True(fit.ExitCode == 0, fit.Output + fit.Errors);
        Assert.Contains("a command in a sandbox", fit.Output, StringComparison.Ordinal);
        Assert.Equal(3, ill.ExitCode);
        var failure = ill
            .Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line))
            .Single(finding => finding.Text("level") == "failure");
        Assert.Equal("store", failure.Text("part"));
        Assert.Equal($"mv {file} {file}.old", failure.Text("remedy"));
    }

    public void Dispose() => folder.Dispose();

    private Task<Called> CallAsync(params string[] arguments) => CallWithAsync([], "", arguments);

    private Task<Called> CallWithAsync(Dictionary<string, string> environment, string input, params string[] arguments)
    {
        environment["TESTGRID_URL"] = shared.Server.Url.ToString();
        environment["TESTGRID_TOKEN"] = shared.Server.Token;
        return CommandLine.CallAsync(folder.Path, environment, input, arguments, Stop);
    }
}
