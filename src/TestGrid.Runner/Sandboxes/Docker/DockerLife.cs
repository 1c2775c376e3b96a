using System.Security.Cryptography;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>
/// The mark of one life of a runner: a file that it holds locked. Its containers and networks name the file, and its
/// bridges and packet filter are named like it: what belongs to a file that nobody holds is a dead runner's.
/// </summary>
internal sealed class DockerLife(SandboxOptions options) : IAsyncDisposable, IDisposable
{
    private const int NameLength = 6;
    private readonly Lazy<(string Path, FileStream Held)> mark = new(() => Begin(options.StatePath));

    public string Path => mark.Value.Path;

    /// <summary>What its bridges' names begin with: they have 15 letters at most, and 7 of them follow.</summary>
    public string Family => FamilyOf(Path);

    /// <summary>Whether what carries these labels was left behind.</summary>
    /// <param name="labels">A container's, or a network's.</param>
    /// <param name="ended">It does nothing any more.</param>
    public bool HasLeft(IDictionary<string, string> labels, bool ended)
    {
        var path = labels[DockerLabels.Life];
        // Another data folder's runner may see this file elsewhere than we do: of those only what has ended goes.
        if (!path.StartsWith(options.StatePath + "/", StringComparison.Ordinal) && !ended)
            return false;
        if (!File.Exists(path))
            return true;
        using var held = FileLock.TryHold(path);
        return held is not null;
    }

    /// <summary>Removes what is left of earlier lives here on this machine, when nothing of theirs is in the daemon any more.</summary>
    public async Task SweepAsync(CancellationToken stop)
    {
        if (!Directory.Exists(options.StatePath))
            return;
        foreach (var path in Directory.GetFiles(options.StatePath, "docker-*.life"))
        {
            using var held = FileLock.TryHold(path);
            if (held is null)
                continue;
            await DockerFilter.RemoveAsync(FamilyOf(path), stop);
            File.Delete(path);
        }
    }

    /// <summary>Ends it, with all that is left of it on this machine.</summary>
    public async ValueTask DisposeAsync()
    {
        if (mark.IsValueCreated)
        {
            await DockerFilter.RemoveAsync(Family, CancellationToken.None);
            File.Delete(Path);
        }
        Dispose();
    }

    /// <summary>Ends it; what is left on this machine is for the next start to sweep.</summary>
    public void Dispose()
    {
        if (mark.IsValueCreated)
            mark.Value.Held.Dispose();
    }

    private static (string Path, FileStream Held) Begin(string folder)
    {
        Directory.CreateDirectory(folder);
        var name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NameLength / 2));
        var path = System.IO.Path.Combine(folder, $"docker-{Environment.ProcessId}-{name}.life");
        return (path, FileLock.TryHold(path) ?? throw new SandboxException($"{path} is held by another process."));
    }

    private static string FamilyOf(string path) =>
        "tg" + System.IO.Path.GetFileNameWithoutExtension(path)[^NameLength..];
}
