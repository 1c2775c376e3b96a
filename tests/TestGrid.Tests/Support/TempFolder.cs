using System.Diagnostics;

namespace TestGrid.Tests.Support;

/// <summary>A folder of a test's own that goes with it.</summary>
public sealed class TempFolder : IDisposable
{
    public TempFolder()
    {
        Path = Directory.CreateTempSubdirectory("testgrid-").FullName;
        // Sandboxes and builds run as strangers: they must get through to what is theirs.
        File.SetUnixFileMode(Path, (UnixFileMode)0x1ED);
    }

    public string Path { get; }

    public void Dispose()
    {
        // Directory.Delete stumbles over names that are no UTF-8, and some tests make such.
        using var remove = Process.Start("rm", ["-rf", "--one-file-system", "--", Path]);
        remove.WaitForExit();
    }
}
