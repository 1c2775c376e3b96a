using Microsoft.Extensions.Options;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner;

/// <summary>What the machine gives every job of this runner: space, a name, a network.</summary>
public sealed class JobGround(IOptions<RunnerOptions> options)
{
    public string RunnerName => options.Value.Name;

    private string Scripts => Path.Combine(options.Value.StatePath, "scripts");

    public SandboxNetwork Network => options.Value.Network;

    /// <exception cref="NoSpaceException">Less is free than <see cref="RunnerOptions.KeepFreeBytes"/>.</exception>
    public void CheckSpace()
    {
        Directory.CreateDirectory(options.Value.StatePath);
        var free = new DriveInfo(options.Value.StatePath).AvailableFreeSpace;
        if (free < options.Value.KeepFreeBytes)
        {
            throw new NoSpaceException(
                $"Only {free >> 20} MiB are free in {options.Value.StatePath}, and a job starts only with "
                    + $"{options.Value.KeepFreeBytes >> 20} MiB. Free some space, for one with: testgrid store gc"
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
}

/// <summary>A job's script on this machine, for as long as it is needed.</summary>
public sealed record ScriptFile(string Path) : IDisposable
{
    public void Dispose() => File.Delete(Path);
}

/// <summary>The disk is too full to start a job.</summary>
public sealed class NoSpaceException(string message) : Exception(message);
