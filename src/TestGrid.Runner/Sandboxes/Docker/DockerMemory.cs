using System.Globalization;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>How often the kernel has ended something in a container for its memory limit.</summary>
internal sealed class DockerMemory(string container, DockerDaemon daemon)
{
    private string? file;

    /// <summary>
    /// The kernel's own count, or, where it cannot be read, 1 when the daemon has noticed: it looks only at the end.
    /// </summary>
    public async Task<long> CountKillsAsync()
    {
        var found = await daemon.FindAsync(
            "describe a container",
            docker => docker.Containers.InspectContainerAsync(container, CancellationToken.None)
        );
        if (found is null)
            return 0;
        if (file is null && found.State.Pid > 0)
            file = FileOf(found.State.Pid);
        return Read(file) ?? (found.State.OOMKilled ? long.MaxValue : 0);
    }

    private string? FileOf(long process)
    {
        var list = $"/proc/{process}/cgroup";
        if (!File.Exists(list))
            return null;
        var groups = File.ReadLines(list).Select(line => line.Split(':', 3)).ToList();
        var memory = groups.FirstOrDefault(parts => parts[1].Split(',').Contains("memory"));
        var path = memory is not null
            ? $"/sys/fs/cgroup/memory{memory[2]}/memory.oom_control"
            : $"/sys/fs/cgroup{groups.FirstOrDefault(parts => parts[1].Length == 0)?[2]}/memory.events";
        // The number of a process of another machine, or of another process namespace, leads elsewhere.
        return path.Contains(container, StringComparison.Ordinal) ? path : null;
    }

    private static long? Read(string? path)
    {
        try
        {
            var line = path is null
                ? null
                : File.ReadLines(path).FirstOrDefault(one => one.StartsWith("oom_kill ", StringComparison.Ordinal));
            return line is null
                ? null
                : long.Parse(line.AsSpan("oom_kill ".Length), NumberStyles.None, CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null; // gone with its container
        }
    }
}
