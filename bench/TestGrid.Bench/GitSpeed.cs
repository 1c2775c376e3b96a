using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Machine;
using TestGrid.Core.Builds;
using TestGrid.Runner;
using TestGrid.Runner.Git;

namespace TestGrid.Bench;

/// <summary>First clone and warm fetch of a repository with 10,000 commits, beside git's own.</summary>
internal static class GitSpeed
{
    private const int Commits = 10_000;
    private const int Rounds = 5;

    public static async Task RunAsync(WorkFolder work)
    {
        var source = work.New("long-history");
        await Machine.RunAsync("git", "init", "-q", "--bare", "-b", "main", source);
        await ImportAsync(source, Commits);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddRunner();
        LocalServices.Configure(services, work.New("git"), null, "git");
        services.AddSingleton<GitMirror>();
        var ssh = await SshAsync(work);
        services.Configure<GitOptions>(options => (options.Ssh, options.UseOwnSshKeys) = (ssh, true));
        await using var provider = services.BuildServiceProvider();
        var mirror = provider.GetRequiredService<GitMirror>();

        var rows = new List<string[]>();
        foreach (var (transport, prefix) in new[] { ("path", ""), ("ssh", "ssh://bench@localhost") })
        {
            var (clone, gitClone, fetch, gitFetch) = (new Samples(), new Samples(), new Samples(), new Samples());
            for (var round = 0; round < Rounds; round++)
            {
                // Another path is another repository to the mirror.
                var path = work.New("copy");
                await Machine.RunAsync("cp", "-a", source, path);
                var repository = new RepositoryRef(
                    rows.Count * Rounds + round + 1,
                    "local",
                    "bench/git",
                    prefix + path
                );
                var theirs = work.New("theirs");
                string[] git = ["-c", $"core.sshCommand={ssh}"];
                clone.Add(await TimeAsync(async () => await mirror.ResolveAsync(repository, "main", null, default)));
                gitClone.Add(
                    await TimeAsync(() =>
                        Machine.RunAsync("git", [.. git, "clone", "-q", "--mirror", repository.Url, theirs])
                    )
                );
                await ImportAsync(path, 1, from: "refs/heads/main^0");
                fetch.Add(await TimeAsync(async () => await mirror.ResolveAsync(repository, "main", null, default)));
                gitFetch.Add(await TimeAsync(() => Machine.RunAsync("git", [.. git, "-C", theirs, "fetch", "-q"])));
            }
            rows.Add([$"first clone, {transport}", $"{clone}", $"{gitClone}", $"{clone.RatioTo(gitClone):0.00}"]);
            rows.Add([
                $"warm fetch of one new commit, {transport}",
                $"{fetch}",
                $"{gitFetch}",
                $"{fetch.RatioTo(gitFetch):0.00}",
            ]);
        }
        Table.Print(
            $"A repository of {Commits:N0} commits, ms: median (least; p90) of {Rounds}",
            ["what", "TestGrid (LibGit2Sharp)", "git", "ratio"],
            [.. rows]
        );
    }

    // What ssh's other end would run is run here: git's protocol over a pipe, without the cipher, which is the same for both.
    private static async Task<string> SshAsync(WorkFolder work)
    {
        var file = work.New("ssh");
        await File.WriteAllTextAsync(file, "#!/bin/sh\nfor command; do :; done\nexec sh -c \"$command\"\n");
        File.SetUnixFileMode(file, (UnixFileMode)0x1ED); // 0755
        return file;
    }

    private static async Task<double> TimeAsync(Func<Task> what)
    {
        var started = Stopwatch.GetTimestamp();
        await what();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static async Task ImportAsync(string repository, int commits, string? from = null)
    {
        var stream = new StringBuilder();
        for (var i = 1; i <= commits; i++)
        {
            var text = $"{i} of {commits} {from}";
            stream.Append(
                CultureInfo.InvariantCulture,
                $"commit refs/heads/main\ncommitter Ada <ada@example.org> {1_600_000_000 + i} +0000\ndata 8\nChange  \n"
            );
            if (i == 1 && from is not null)
                stream.Append(CultureInfo.InvariantCulture, $"from {from}\n");
            stream.Append(
                CultureInfo.InvariantCulture,
                $"M 644 inline d{i % 40}/f{i % 200}.txt\ndata {text.Length}\n{text}\n\n"
            );
        }
        using var import = Process.Start(
            new ProcessStartInfo("git", ["-C", repository, "fast-import", "--quiet"]) { RedirectStandardInput = true }
        )!;
        await import.StandardInput.WriteAsync(stream);
        import.StandardInput.Close();
        await import.WaitForExitAsync();
        if (import.ExitCode != 0)
            throw new InvalidOperationException("git fast-import failed");
    }
}
