using Microsoft.Extensions.Options;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Git;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner;

/// <summary>What the machine gives every job of this runner: space, a name, a network.</summary>
public sealed class JobGround(
    IOptions<RunnerOptions> options,
    IOptions<BundleOptions> bundles,
    IOptions<GitOptions> git,
    AppLayers? layers = null
)
{
    public string RunnerName => options.Value.Name;

    /// <summary>Where jobs' app layers are; null for a runner that has none.</summary>
    internal AppLayers? Layers => layers;

    private string Scripts => Path.Combine(options.Value.StatePath, "scripts");

    public SandboxNetwork Network => options.Value.Network;

    /// <summary>How many places may be on their way out at once.</summary>
    public int Slots => Math.Max(options.Value.Slots, 1);

    public TimeSpan ServiceTime => options.Value.ServiceTime;

    /// <summary>Looks at every file system that a job fills: its state, checkouts, bundles, logs may each have their own.</summary>
    /// <exception cref="NoSpaceException">Less is free than <see cref="RunnerOptions.KeepFreeBytes"/>.</exception>
    public void CheckSpace()
    {
        string[] own = [options.Value.StatePath, git.Value.RootPath, bundles.Value.RootPath];
        foreach (var path in own.Concat(options.Value.FilledPaths))
        {
            var free = new DriveInfo(Existing(path)).AvailableFreeSpace;
            if (free >= options.Value.KeepFreeBytes)
                continue;
            throw new NoSpaceException(
                $"Only {free >> 20} MiB are free in {path}, and a job starts only with "
                    + $"{options.Value.KeepFreeBytes >> 20} MiB (runner:keepFreeBytes). Free some space, for one with: "
                    + "testgrid store gc"
            );
        }
    }

    /// <summary>Removes the scripts of an earlier life. Call it once, before the first job.</summary>
    public void Sweep()
    {
        if (Directory.Exists(Scripts))
            Directory.Delete(Scripts, recursive: true);
    }

    /// <summary>Writes a job's script where a sandbox can show it; disposing takes it away.</summary>
    public ScriptFile WriteScript(string job, string script)
    {
        Directory.CreateDirectory(Scripts);
        var path = Path.Combine(Scripts, job + ".sh");
        File.WriteAllText(path, script);
        // The sandbox's user is a stranger out here. It holds no secret: those come as environment.
        File.SetUnixFileMode(path, (UnixFileMode)0b110_100_100);
        return new ScriptFile(path);
    }

    // What is not there yet will be made on the file system of the nearest folder above it.
    private static string Existing(string path)
    {
        var found = Path.GetFullPath(path);
        while (!Directory.Exists(found) && Path.GetDirectoryName(found) is { } above)
            found = above;
        return found;
    }
}

/// <summary>A job's script on this machine, for as long as it is needed.</summary>
public sealed record ScriptFile(string Path) : IDisposable
{
    public void Dispose() => File.Delete(Path);
}

/// <summary>The disk is too full to start a job.</summary>
public sealed class NoSpaceException(string message) : Exception(message);
