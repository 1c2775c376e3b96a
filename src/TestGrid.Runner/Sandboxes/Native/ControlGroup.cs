namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// The control group around one whole pod: its limits are in force before the pod's first process is. We write it
/// ourselves instead of leaving it to the OCI runtime: so the pod's own processes and its network program count too,
/// and one way serves both runtimes.
/// </summary>
/// <param name="folders">The group's folders, one per hierarchy; made already.</param>
internal sealed class ControlGroup(IReadOnlyList<string> folders, string? oomFile)
{
    /// <summary>No limits: this runner may not make groups here.</summary>
    public static ControlGroup None { get; } = new([], null);

    public IReadOnlyList<string> Folders { get; } = folders;

    /// <summary>A process that writes 0 into each of these is in the group.</summary>
    public IReadOnlyList<string> JoinFiles { get; } =
    [.. folders.Select(folder => Path.Combine(folder, "cgroup.procs"))];

    /// <summary>How many processes the kernel has ended here because memory ran out.</summary>
    public long CountOomKills()
    {
        if (oomFile is null)
            return 0;
        try
        {
            foreach (var line in File.ReadLines(oomFile))
            {
                if (line.StartsWith("oom_kill ", StringComparison.Ordinal))
                    return long.Parse(line.AsSpan(9));
            }
        }
        catch (IOException) { } // the group is gone
        return 0;
    }

    public IEnumerable<int> Processes() => ProcessesIn(Folders);

    /// <summary>Removes groups, ending what is left in them. False when something would not go (yet).</summary>
    public static bool TryRemove(IEnumerable<string> folders)
    {
        var gone = true;
        foreach (var folder in folders)
        {
            try
            {
                if (Directory.Exists(folder))
                    Directory.Delete(folder);
            }
            catch (IOException)
            {
                gone = false; // busy: a process in it is still dying
            }
            catch (UnauthorizedAccessException)
            {
                gone = false;
            }
        }
        return gone;
    }

    /// <summary>SIGKILL to all that is in these groups.</summary>
    public static void KillAll(IReadOnlyList<string> folders)
    {
        foreach (var process in ProcessesIn(folders))
            Posix.Kill(process, Posix.Sigkill);
    }

    private static HashSet<int> ProcessesIn(IEnumerable<string> folders)
    {
        var found = new HashSet<int>();
        foreach (var folder in folders)
        {
            try
            {
                foreach (var line in File.ReadLines(Path.Combine(folder, "cgroup.procs")))
                {
                    // 0 is a process of a namespace that we cannot see.
                    if (int.TryParse(line, out var process) && process > 0)
                        found.Add(process);
                }
            }
            catch (IOException) { }
        }
        return found;
    }
}
