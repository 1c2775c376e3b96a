using System.Diagnostics;
using Microsoft.Extensions.Options;
using TestGrid.Core.Jobs;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Git;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner;

public sealed class JobGroundTests : IDisposable
{
    private readonly TempFolder folder = new();

    [Fact]
    public void A_disk_without_room_is_the_machines_fault_and_is_named()
    {
        var full = Assert.Throws<NoSpaceException>(() => Ground(long.MaxValue).CheckSpace());

        Assert.Contains(At("state"), full.Message, StringComparison.Ordinal);
        Assert.Contains("testgrid store gc", full.Message, StringComparison.Ordinal);
        Assert.Equal(JobReason.Infra, JobRunner.Explain(full)!.Reason); // disk-limit is what a job wrote itself
    }

    [Theory]
    [InlineData("git")]
    [InlineData("bundles")]
    [InlineData("logs")]
    public void Every_file_system_that_a_job_fills_is_looked_at(string small)
    {
        Directory.CreateDirectory(At(small));
        Run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", At(small));
        try
        {
            var full = Assert.Throws<NoSpaceException>(() => Ground(2 << 20).CheckSpace());

            Assert.Contains(At(small), full.Message, StringComparison.Ordinal);
        }
        finally
        {
            Run("umount", At(small));
        }
        Ground(2 << 20).CheckSpace();
    }

    public void Dispose() => folder.Dispose();

    private JobGround Ground(long keepFree)
    {
        var runner = new RunnerOptions { StatePath = At("state"), KeepFreeBytes = keepFree };
        runner.FilledPaths.Add(At("logs"));
        return new JobGround(
            Options.Create(runner),
            Options.Create(new BundleOptions { RootPath = At("bundles") }),
            Options.Create(new GitOptions { RootPath = At("git") })
        );
    }

    private string At(string name) => Path.Combine(folder.Path, name);

    private static void Run(string program, params string[] words)
    {
        using var process = Process.Start(program, words);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
