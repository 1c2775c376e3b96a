using Docker.DotNet.Models;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>
/// What a container uses, read where the native engine reads it: in the kernel's own files. Where those are not this
/// machine's, or not ours to read, the daemon's word is all there is.
/// </summary>
/// <param name="spec">The sandbox.</param>
/// <param name="container">Its container's id.</param>
/// <param name="daemon">The daemon that has it.</param>
/// <param name="room">What it may write, when the daemon cannot limit its own layer; null when it does.</param>
internal sealed class DockerUse(SandboxSpec spec, string container, DockerDaemon daemon, (long Bytes, long Files)? room)
{
    private const int LeastBytes = 64 << 10;
    private const int LeastFiles = 16;

    private readonly DockerLayer layer = new(container, daemon);

    // What its tmpfs hold: what it writes there is memory, and limited, and not in its layer.
    private readonly string[] tmpfs =
    [
        "/tmp",
        .. spec.Mounts.Where(mount => mount.Kind is SandboxMountKind.Overlay).Select(mount => mount.Target),
    ];

    private ControlGroup? group;
    private string? root;
    private long checkout;
    private long? over;

    /// <summary>Looks once before the job: what is there is the checkout, and not the job's.</summary>
    public async Task BeginAsync()
    {
        if (await InspectAsync() is { State.Pid: > 0 and var process })
            (group, root) = Find(process);
        checkout = Spaces().Sum(space => space.UsedBytes);
    }

    /// <summary>
    /// How often the kernel has ended something in it for the memory limit: its own count, or, where that cannot be
    /// read, 1 when the daemon has noticed: it looks only at the end.
    /// </summary>
    public async Task<long> CountOomKillsAsync() =>
        group?.CountOomKills() ?? (await InspectAsync() is { State.OOMKilled: true } ? 1 : 0);

    /// <summary>As <see cref="Sandbox.Glance"/>: its layer would have to be searched through.</summary>
    public SandboxGlance Glance() => new(group?.TakePeakMemory(), null);

    /// <summary>Nothing but we keep it from filling the daemon's disk.</summary>
    public bool MustBeWatched => room is not null;

    /// <summary>It holds more than it may, and is to be ended. How much that was is known afterwards, too.</summary>
    public async Task<bool> IsOverAsync()
    {
        if (room is { } most && await layer.MeasureAsync() is { } own)
        {
            var bytes = own.Bytes + Spaces().Sum(space => space.UsedBytes) - checkout;
            if (bytes > most.Bytes || own.Files > most.Files)
                over = bytes;
        }
        return over is not null;
    }

    /// <summary>What it used up to now; null when its container is gone.</summary>
    public async Task<SandboxUse?> LookAsync()
    {
        if (await layer.MeasureAsync() is not { } own)
            return null;
        var spaces = Spaces();
        var bytes = own.Bytes + spaces.Sum(space => space.UsedBytes) - checkout;
        return new SandboxUse(
            group?.PeakMemory,
            group?.ProcessorTime,
            root is null ? null : over ?? bytes,
            over is not null || spaces.Any(space => space.FreeBytes < LeastBytes || space.FreeFiles < LeastFiles),
            group?.CountRefusedProcesses() > 0
        );
    }

    private Task<ContainerInspectResponse?> InspectAsync() =>
        daemon.FindAsync(
            "describe a container",
            docker => docker.Containers.InspectContainerAsync(container, CancellationToken.None)
        );

    private List<(long UsedBytes, long FreeBytes, long FreeFiles)> Spaces()
    {
        if (root is null)
            return [];
        var limited = tmpfs.Select(folder => Posix.LookAtSpace(root + folder)).ToList();
        // Of the layer only what is left counts: it shares its file system with others, and the daemon knows its size.
        if (room is null && Posix.LookAtSpace(root + "/") is { } rest)
            limited.Add(rest with { UsedBytes = 0 });
        return [.. limited.OfType<(long, long, long)>()];
    }

    // The number of a process of another machine, or of another process namespace, leads to other groups.
    private (ControlGroup? Group, string? Root) Find(long process)
    {
        var list = $"/proc/{process}/cgroup";
        if (!File.Exists(list))
            return (null, null);
        var folders = File.ReadLines(list)
            .Select(line => line.Split(':', 3))
            .SelectMany(parts =>
                parts[1].Split(',').Select(controller => Path.Join("/sys/fs/cgroup", controller, parts[2]))
            )
            .Where(folder => folder.Contains(container, StringComparison.Ordinal) && Directory.Exists(folder))
            .ToList();
        var oom = folders
            .SelectMany(folder => (string[])[$"{folder}/memory.oom_control", $"{folder}/memory.events"])
            .FirstOrDefault(File.Exists);
        return oom is null ? (null, null) : (new ControlGroup(folders, oom), $"/proc/{process}/root");
    }
}
