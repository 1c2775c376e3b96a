using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Grids;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Git;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Git;

/// <summary>A mirror in a temp folder, and the view that a job has of a workspace.</summary>
internal sealed class GitWorld : IDisposable
{
    private readonly TempFolder folder = new();

    public GitWorld(Action<GitOptions>? set = null)
    {
        GitOptions = new GitOptions { RootPath = System.IO.Path.Combine(folder.Path, "git") };
        set?.Invoke(GitOptions);
        Mirror = NewMirror();
    }

    public GitOptions GitOptions { get; }

    public FakeTimeProvider Time { get; } = new(DateTimeOffset.UtcNow);

    public GitMirror Mirror { get; }

    public GitMirror NewMirror() => new(Options.Create(GitOptions), Time, NullLogger<GitMirror>.Instance);

    public string Path(string name) => System.IO.Path.Combine(folder.Path, name);

    public TestRepository Repository(string name = "origin") => new(Path(name));

    public static JobOrder Order(RepositoryRef repository, string sha, bool submodules = true) =>
        new(
            new JobId(1, 1),
            1,
            repository,
            new Trigger(TriggerKind.Push, new CommitRef(sha, "refs/heads/main")),
            new JobConfig
            {
                Language = "generic",
                Bundle = "base",
                Cell = Cell.Only,
                Phases = [],
                Submodules = submodules,
            },
            JobLimits.Default
        );

    /// <summary>
    /// Runs a script in the workspace as the job's user, with the objects shown where a sandbox shows them.
    /// </summary>
    public static async Task<string> InsideAsync(Workspace workspace, string script, CancellationToken stop)
    {
        const string enter = """
            mount -t tmpfs tmpfs /opt
            if [ -n "$2" ]; then mkdir -p /opt/testgrid/objects; mount --bind "$2" /opt/testgrid/objects; fi
            cp -a "$1" /opt/job
            cd /opt/job
            exec setpriv --reuid 102000 --regid 102000 --clear-groups env -i PATH=/usr/bin:/bin HOME=/opt/none \
                GIT_CONFIG_NOSYSTEM=1 sh -ec "$3" 2>&1
            """;
        string[] words = ["-m", "sh", "-ec", enter, "x", workspace.TreePath, workspace.ObjectsPath ?? "", script];
        using var shell = Process.Start(new ProcessStartInfo("unshare", words) { RedirectStandardOutput = true })!;
        var said = await shell.StandardOutput.ReadToEndAsync(stop);
        await shell.WaitForExitAsync(stop);
        return shell.ExitCode == 0 ? said : $"{said}[exit {shell.ExitCode}]";
    }

    public void Dispose() => folder.Dispose();
}
