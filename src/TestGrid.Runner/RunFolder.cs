using System.Security.Cryptography;
using TestGrid.Runner.Files;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner;

/// <summary>
/// The folder of one <c>testgrid run</c>, beside those of the runners: <c>run-PID-RANDOM</c>, and a lock of that name which
/// the kernel gives back when the run ends, however it ends. Whoever comes next removes what a killed one has left.
/// </summary>
public sealed class RunFolder : IDisposable
{
    private const string Prefix = "run-";
    private readonly FileStream held;

    private RunFolder(string path, FileStream held) => (Path, this.held) = (path, held);

    public string Path { get; }

    /// <summary>Where its sandboxes are noted down.</summary>
    public string SandboxesPath => SandboxesOf(Path);

    /// <summary>Its name, fit for a runner's.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <param name="runnersPath">The folder of all runners' folders; made if need be.</param>
    public static RunFolder Open(string runnersPath)
    {
        Directory.CreateDirectory(runnersPath);
        var name = $"{Prefix}{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        var path = System.IO.Path.Combine(runnersPath, name);
        // The lock first: a sweep must not see the folder without it.
        var held =
            FileLock.TryHold(path + ".lock") ?? throw new IOException($"{path}.lock is held by another process.");
        Directory.CreateDirectory(path);
        return new RunFolder(path, held);
    }

    /// <summary>
    /// Removes the folders of runs that were killed, and ends what is left of their sandboxes; those that live are left
    /// alone. What cannot be removed now is left to the next sweep.
    /// </summary>
    /// <returns>How many there were.</returns>
    public static int Sweep(string runnersPath)
    {
        if (!Directory.Exists(runnersPath))
            return 0;
        var swept = 0;
        foreach (var folder in Directory.GetDirectories(runnersPath, Prefix + "*"))
        {
            using var held = FileLock.TryHold(folder + ".lock");
            if (held is null)
                continue; // it lives
            try
            {
                StateFolder.Sweep(SandboxesOf(folder));
                if (Directory.Exists(SandboxesOf(folder)) && Directory.GetDirectories(SandboxesOf(folder)).Length > 0)
                    continue; // its processes still die
                Directory.Delete(folder, recursive: true);
                File.Delete(folder + ".lock");
                swept++;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or Sandboxes.SandboxException) { }
        }
        FileLock.RemoveStray(runnersPath);
        return swept;
    }

    /// <summary>Removes the folder. Dispose what stands in it first.</summary>
    public void Dispose()
    {
        try
        {
            if (Directory.Exists(Path))
                Directory.Delete(Path, recursive: true);
            File.Delete(held.Name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // the next sweep has it
        held.Dispose();
    }

    private static string SandboxesOf(string folder) => System.IO.Path.Combine(folder, "sandboxes");
}
