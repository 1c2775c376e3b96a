using Microsoft.Win32.SafeHandles;

namespace TestGrid.Runner.Files;

/// <summary>Locks between processes: the kernel lets go of them when their holder dies, however it dies.</summary>
internal static class FileLock
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(200);

    /// <summary>Holds it alone, or null when somebody has it.</summary>
    public static FileStream? TryHold(string path) =>
        TryOpen(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

    /// <summary>Holds it together with others, or null when somebody has it alone or there is no such file.</summary>
    public static FileStream? TryShare(string path) => TryOpen(path, FileMode.Open, FileAccess.Read, FileShare.Read);

    /// <summary>Holds it alone; blocks for as long as somebody has it, so take it where that is moments.</summary>
    public static SafeFileHandle Hold(string path)
    {
        var file = Posix.OpenLock(path);
        Posix.LockAlone(file);
        return file;
    }

    /// <summary>Waits until it is ours alone; <paramref name="waiting"/> is called at each look.</summary>
    public static async Task<FileStream> HoldAsync(
        string path,
        TimeProvider time,
        Action waiting,
        CancellationToken stop
    )
    {
        while (true)
        {
            if (TryHold(path) is { } held)
                return held;
            waiting();
            await Task.Delay(LookAgain, time, stop);
        }
    }

    /// <summary>Removes locks in a folder that nobody holds and whose folder is gone: their holder died between the two.</summary>
    public static void RemoveStray(string folder)
    {
        foreach (var file in Directory.GetFiles(folder, "*.lock"))
        {
            if (Directory.Exists(file[..^".lock".Length]) || TryHold(file) is not { } held)
                continue;
            File.Delete(file);
            held.Dispose();
        }
    }

    private static FileStream? TryOpen(string path, FileMode mode, FileAccess access, FileShare share)
    {
        try
        {
            return new FileStream(path, mode, access, share, bufferSize: 1);
        }
        catch (IOException e) when (e is not PathTooLongException)
        {
            return null; // held by another, or not there
        }
    }
}
