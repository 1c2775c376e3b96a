namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// The control group around one whole pod: its limits are in force before the pod's first process is. We write it
/// ourselves instead of leaving it to the OCI runtime: so the pod's own processes and its network program count too,
/// and one way serves both runtimes.
/// </summary>
/// <param name="folders">The group's folders, one per hierarchy; made already.</param>
internal sealed class ControlGroup(IReadOnlyList<string> folders, string? oomFile)
{
    private const string Version1Peak = "memory.max_usage_in_bytes";

    private long peakBefore;

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

    /// <summary>The most memory that was ever in use here, in bytes; null when nobody counts it.</summary>
    public long? PeakMemory =>
        (Number("memory.peak") ?? Number(Version1Peak)) is { } now ? Math.Max(now, peakBefore) : null;

    /// <summary>
    /// The most memory since the last call. Version 1 lets the kernel's figure begin anew; with version 2 it is known only
    /// when it rose, and else null.
    /// </summary>
    public long? TakePeakMemory()
    {
        if (Number("memory.peak") is { } most)
        {
            var rose = most > peakBefore;
            peakBefore = Math.Max(most, peakBefore);
            return rose ? most : null;
        }
        if (Number(Version1Peak) is not { } used)
            return null;
        peakBefore = Math.Max(used, peakBefore);
        try
        {
            File.WriteAllText(Folders.Select(folder => Path.Combine(folder, Version1Peak)).First(File.Exists), "0");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            return null; // gone, or not ours to begin anew: then it is no figure of this while
        }
        return used;
    }

    /// <summary>Processor time used here by all that ever ran; null when nobody counts it.</summary>
    public TimeSpan? ProcessorTime =>
        Number("cpu.stat", "usage_usec ") is { } micros ? TimeSpan.FromMicroseconds(micros)
        : Number("cpuacct.usage") is { } nanos ? TimeSpan.FromMicroseconds(nanos / 1000)
        : null;

    /// <summary>Whether it has the controller that this file belongs to.</summary>
    public bool Counts(string file) => Folders.Any(folder => File.Exists(Path.Combine(folder, file)));

    /// <summary>How often a process was refused for the limit on their number.</summary>
    public long CountRefusedProcesses() => Number("pids.events", "max ") ?? 0;

    public IEnumerable<int> Processes() => ProcessesIn(Folders);

    // The number behind a word, in whichever of the folders has the file.
    private long? Number(string file, string word = "")
    {
        try
        {
            var path = Folders.Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
            var line = path is null
                ? null
                : File.ReadLines(path).FirstOrDefault(text => text.StartsWith(word, StringComparison.Ordinal));
            return long.TryParse(line.AsSpan(line is null ? 0 : word.Length), out var number) ? number : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // the group is gone
        }
    }

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
