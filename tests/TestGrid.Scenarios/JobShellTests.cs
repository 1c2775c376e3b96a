using System.Collections.Immutable;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>A person looks around in the sandbox that was kept of a failed job.</summary>
public sealed class JobShellTests : IDisposable
{
    private readonly TempFolder data = new();
    private readonly TempFolder source = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_shell_opens_where_a_job_failed_with_its_files_and_variables_and_leaves_two_rows_in_the_audit()
    {
        using var repository = new GitRepository(source.Path).Write(
            ".testgrid.yml",
            """
            tty: false
            env: [COLOUR=green]
            script:
              - mkdir deep && cd deep && touch made && export FOUND=here
              - grep nothing made
            """
        );
        repository.Commit();
        await using var server = await TestGridProcess.StartAsync(data.Path, Stop);
        var secret = await server.RegisterAsync(repository.Folder, "kept/job", Stop);
        var build = await server.PushAsync(repository, "kept/job", secret, Stop);
        var ended = await server.FinishedAsync(build, Stop);
        Assert.Equal("failed", ended.GetProperty("jobs")[0].Text("state"));
        Assert.Contains(
            $"testgrid job shell {build}.1",
            await server.LogAsync($"{build}.1", Stop),
            StringComparison.Ordinal
        );

        var (code, said) = await ShellAsync(server, $"{build}.1", "bash", "-c", "pwd; ls; echo $COLOUR $FOUND; exit 7");
        var again = await ShellAsync(server, $"{build}.1", "cat", "made");
        var (gone, words) = await ShellAsync(server, $"{build}.2", "true");

        Assert.Equal((7, "/home/travis/build/kept/job/deep\nmade\ngreen here\n"), (code, said));
        Assert.Equal((0, ""), again);
        Assert.NotEqual(0, gone);
        Assert.Contains("is not kept here", words, StringComparison.Ordinal);
        var rows = (await server.GetAsync("/api/v1/audit", Stop)).EnumerateArray().ToArray();
        string[] outcomes =
        [
            .. rows.Select(row => row.GetProperty("entry"))
                .Where(entry => entry.Text("action") == "job.shell")
                .Select(entry => entry.Text("outcome")![..6]),
        ];
        Assert.Equal(["refuse", "closed", "opened", "closed", "opened"], outcomes);
    }

    [Fact]
    public async Task The_oldest_kept_sandbox_goes_when_one_more_job_fails_and_all_go_with_the_server()
    {
        using var repository = new GitRepository(source.Path).Write(
            ".testgrid.yml",
            "tty: false\nenv: [N=1, N=2, N=3]\nmax_parallel: 1\nscript: false\n"
        );
        repository.Commit();
        var state = Path.Combine(data.Path, "runner", "embedded");
        await using (var server = await TestGridProcess.StartAsync(data.Path, Stop))
        {
            var secret = await server.RegisterAsync(repository.Folder, "kept/some", Stop);
            var build = await server.PushAsync(repository, "kept/some", secret, Stop);
            await server.FinishedAsync(build, Stop);

            var codes = new List<int>();
            foreach (var cell in Enumerable.Range(1, 3))
                codes.Add((await ShellAsync(server, $"{build}.{cell}", "true")).Code);

            Assert.Equal(2, codes.Count(code => code == 0));
            Assert.NotEmpty(Directory.GetFiles(Path.Combine(state, "scripts")));
        }
        Assert.Empty(Directory.GetFiles(Path.Combine(state, "scripts")));
    }

    public void Dispose()
    {
        source.Dispose();
        data.Dispose();
    }

    private async Task<(int Code, string Said)> ShellAsync(TestGridProcess server, string job, params string[] words)
    {
        var token = Path.Combine(data.Path, "admin-token");
        var called = await CommandLine.CallAsync(
            source.Path,
            ImmutableDictionary<string, string>.Empty,
            "",
            ["job", "shell", job, "--server", $"{server.Url}", "--token-file", token, "--", .. words],
            Stop
        );
        return (called.ExitCode, called.Output + called.Errors);
    }
}
