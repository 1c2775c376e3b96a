using System.Security.Cryptography;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// Notes what lives now, so that what a crash leaves can be found: one folder per life of a runner with a lock file that
/// the kernel unlocks when that life ends, and in it one folder per pod. Nobody touches a folder that is locked.
/// </summary>
internal sealed class StateFolder : IDisposable
{
    private const string LockName = "lock";
    private const string GroupsName = "cgroups";
    private readonly FileStream held;

    private StateFolder(string path, FileStream held) => (Path, this.held) = (path, held);

    public string Path { get; }

    /// <summary>Makes this life's folder below <paramref name="statePath"/> and locks it.</summary>
    public static StateFolder Open(string statePath)
    {
        Directory.CreateDirectory(statePath);
        // Without it a sweep could take a folder between its making and its locking.
        using var all = FileLock.Hold(System.IO.Path.Combine(statePath, LockName));
        var path = System.IO.Path.Combine(statePath, $"{Environment.ProcessId}-{Random()}");
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new StateFolder(
            path,
            TryLock(path) ?? throw new SandboxException($"{path} is locked by another process.")
        );
    }

    /// <summary>A new pod's folder: open to the pod's ids, inside one that only the runner can enter.</summary>
    public string AddPod()
    {
        var path = System.IO.Path.Combine(Path, $"pod-{Random()}");
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, Modes.Passage);
        return path;
    }

    /// <summary>Notes a pod's control groups: written before they are filled, so that a crash leaves none unknown.</summary>
    public static void NoteGroups(string pod, IEnumerable<string> folders) =>
        File.WriteAllLines(System.IO.Path.Combine(pod, GroupsName), folders);

    /// <summary>Removes a pod's folder. Its mounts were in its own namespace and are gone with it.</summary>
    public static void RemovePod(string pod)
    {
        if (Directory.Exists(pod))
            Directory.Delete(pod, recursive: true);
    }

    /// <summary>Takes away what ended lives left behind below <paramref name="statePath"/>. Gives how many pods
    /// there were, and whether some are still dying and stay.</summary>
    public static (int Pods, bool Busy) Sweep(string statePath)
    {
        if (!Directory.Exists(statePath))
            return (0, false);
        using var all = FileLock.Hold(System.IO.Path.Combine(statePath, LockName));
        var (pods, busy) = (0, false);
        foreach (var life in Directory.EnumerateDirectories(statePath))
        {
            using var theirs = TryLock(life);
            if (theirs is null)
                continue; // it lives
            pods += SweepLife(life);
            busy |= Directory.Exists(life);
        }
        return (pods, busy);
    }

    /// <summary>Gives the folder back, with what is left in it. Dispose the pods first.</summary>
    public void Dispose()
    {
        held.Dispose();
        try
        {
            SweepLife(Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // the next sweep has it
    }

    private static int SweepLife(string life)
    {
        var pods = Directory.EnumerateDirectories(life).ToList();
        var gone = true;
        foreach (var pod in pods)
            gone &= SweepPod(pod);
        if (gone)
            Directory.Delete(life, recursive: true);
        return pods.Count;
    }

    private static bool SweepPod(string pod)
    {
        var noted = System.IO.Path.Combine(pod, GroupsName);
        if (File.Exists(noted))
        {
            // Our names only: a note must not be able to point at the machine's other groups.
            var groups = File.ReadAllLines(noted).Where(IsOurs).ToList();
            ControlGroup.KillAll(groups);
            if (!ControlGroup.TryRemove(groups))
                return false;
        }
        RemovePod(pod);
        return true;
    }

    private static bool IsOurs(string group) =>
        System.IO.Path.GetFileName(group).StartsWith("testgrid-", StringComparison.Ordinal);

    // FileShare.None is flock(LOCK_EX): the kernel gives it back when the process ends, however it ends. .NET opens
    // files close-on-exec, so no child keeps it.
    private static FileStream? TryLock(string folder)
    {
        try
        {
            var path = System.IO.Path.Combine(folder, LockName);
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static string Random() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
}
