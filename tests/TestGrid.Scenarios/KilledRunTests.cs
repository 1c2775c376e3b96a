using System.Diagnostics;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary><c>testgrid run</c> ended by SIGKILL, which gives it no moment to clean up.</summary>
public sealed class KilledRunTests : IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Data => Path.Combine(folder.Path, "data");

    [Theory]
    [InlineData("store", "gc")]
    [InlineData("run", "-C", "quick")]
    public async Task What_it_leaves_is_removed_by_whoever_comes_next_and_a_living_one_is_left_alone(
        params string[] next
    )
    {
        using var slow = Tree("slow", "echo it began; sleep 1000");
        using var quick = Tree("quick", "true");
        using var killed = Start("run", "-C", "slow");
        using var living = Start("run", "-C", "slow");
        await BeganAsync(killed);
        await BeganAsync(living);
        killed.Kill(); // it alone
        await killed.WaitForExitAsync(Stop);
        Assert.Equal(2, Runs().Length);
        var left = Assert.Single(Runs(), path => path.Contains($"run-{killed.Id}-", StringComparison.Ordinal));
        Assert.NotEmpty(Directory.GetFileSystemEntries(left));

        // Its sandbox's processes may still be dying when the first looks.
        await Until.TrueAsync(
            () =>
            {
                using var sweeps = Start(next);
                sweeps.StandardOutput.ReadToEnd();
                sweeps.WaitForExit();
                Assert.Equal(0, sweeps.ExitCode);
                return !Directory.Exists(left);
            },
            Stop
        );

        Assert.False(File.Exists(left + ".lock"));
        Assert.Contains($"run-{living.Id}-", Assert.Single(Runs()), StringComparison.Ordinal);
        using (Process.Start("kill", ["-INT", $"{living.Id}"])) { }
        await living.WaitForExitAsync(Stop);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Data, "runner"), "run-*"));
    }

    public void Dispose() => folder.Dispose();

    private string[] Runs() => Directory.GetDirectories(Path.Combine(Data, "runner"), "run-*");

    private GitRepository Tree(string name, string script)
    {
        var made = new GitRepository(Path.Combine(folder.Path, name)).Write(".testgrid.yml", $"script: {script}\n");
        made.Commit();
        return made;
    }

    private static async Task BeganAsync(Process run)
    {
        while (await run.StandardOutput.ReadLineAsync(Stop) is { } line)
        {
            if (line.TrimEnd().EndsWith("it began", StringComparison.Ordinal))
                return;
        }
        Assert.Fail("it ended by itself");
    }

    private Process Start(params string[] words)
    {
        string[] command = [Path.Combine(AppContext.BaseDirectory, "testgrid.dll"), .. words];
        var start = new ProcessStartInfo("dotnet", command)
        {
            RedirectStandardOutput = true,
            WorkingDirectory = folder.Path,
        };
        start.Environment["TESTGRID_DATA"] = Data;
        start.Environment["TESTGRID_BUNDLES__ROOTPATH"] = Path.Combine(SourcePackage.Cache, "bundles");
        return Process.Start(start)!;
    }
}
