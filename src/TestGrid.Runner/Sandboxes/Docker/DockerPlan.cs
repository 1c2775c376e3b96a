using System.Text.Json;
using System.Text.Json.Nodes;
using Docker.DotNet.Models;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>What the daemon is asked to make a sandbox of: the native engine's limits and walls, in Docker's words.</summary>
internal static class DockerPlan
{
    /// <summary>
    /// The one right that the container's first process has and no process of a job: by it the kernel keeps a job's
    /// root from that process's files, among them the lifeline.
    /// </summary>
    public const string KeepersRight = "AUDIT_WRITE";

    // Its words are files that Docker adds to every tree: they go where the bundle has none. Then it unpacks what the
    // runner sends: for each archive the folder, then its bytes in pieces, each with its length before it. At last it
    // only holds the lifeline: at its end this process ends, and the kernel ends all the others of its namespace.
    // Ignoring CHLD makes the kernel bury orphans: nobody waits for them here. (Perl, because dash catches CHLD whatever
    // it is told, and then its read ends. Every Debian has perl.)
    private const string Keeper = """
        unpack() {
          while read -r bytes && [ "$bytes" -gt 0 ]; do head -c "$bytes" || exit; done |
            tar --extract --preserve-permissions --numeric-owner --file=- --directory="$1"
        }
        rm -f "$@"
        while IFS= read -r folder && [ -n "$folder" ]; do unpack "$folder" || exit 1; done 2>&1
        exec perl -e '$SIG{CHLD} = "IGNORE"; $| = 1; print "ready\n"; 1 while sysread STDIN, $_, 512'
        """;

    private const int NoSuchCall = 38; // ENOSYS

    private static readonly string Seccomp = ReadSeccomp();

    /// <param name="spec">The sandbox.</param>
    /// <param name="image">Its bundle's image.</param>
    /// <param name="strange">Files that are not the bundle's.</param>
    /// <param name="daemon">What the daemon can do.</param>
    /// <param name="options">The operator's settings.</param>
    public static CreateContainerParameters For(
        SandboxSpec spec,
        string image,
        IEnumerable<string> strange,
        SystemInfoResponse daemon,
        SandboxOptions options
    )
    {
        var limits = spec.Limits;
        var (disk, files) = options.RoomFor(limits);
        var room = $"size={disk},nr_inodes={files}";
        return new CreateContainerParameters
        {
            Image = image,
            Hostname = spec.HostName,
            Entrypoint = ["/bin/sh", "-c", Keeper, "sh", .. strange],
            User = "0:0",
            WorkingDir = "/",
            OpenStdin = true,
            StdinOnce = true, // the end of our connection is the end of its input
            AttachStdin = true,
            AttachStdout = true,
            AttachStderr = true,
            HostConfig = new HostConfig
            {
                NetworkMode = "none",
                ExtraHosts = [$"{spec.HostName}:127.0.0.1"],
                IpcMode = "private",
                CgroupnsMode = daemon.CgroupVersion == "2" ? "private" : null,
                LogConfig = new LogConfig { Type = "none" },
                CapDrop = ["ALL"],
                CapAdd = [.. Walls.Rights, KeepersRight],
                SecurityOpt = [$"seccomp={Seccomp}"],
                MaskedPaths = [.. Walls.Masked, "/sys/fs/cgroup"],
                ReadonlyPaths = [.. Walls.ReadOnly],
                Memory = limits.MemoryBytes,
                MemorySwap = limits.MemoryBytes, // with it: no swap on top
                NanoCPUs = (long)(limits.Cpus * 1e9),
                PidsLimit = limits.Processes,
                ShmSize = Walls.SharedMemoryBytes(limits),
                Ulimits =
                [
                    new Ulimit
                    {
                        Name = "core",
                        Soft = 0,
                        Hard = 0,
                    },
                ],
                StorageOpt = HasQuota(daemon) ? new Dictionary<string, string> { ["size"] = $"{disk}" } : null,
                Tmpfs = spec
                    .Mounts.Where(mount => mount.Kind is SandboxMountKind.Overlay)
                    .Select(mount => mount.Target)
                    .Append("/tmp")
                    .ToDictionary(
                        target => target,
                        target => $"exec,nosuid,nodev,{room}" + (target == "/tmp" ? ",mode=1777" : ",mode=755")
                    ),
                Mounts =
                [
                    .. spec
                        .Mounts.Where(mount => mount.Kind is SandboxMountKind.ReadOnly)
                        .Select(mount => new Mount
                        {
                            Type = "bind",
                            Source = mount.Source,
                            Target = mount.Target,
                            ReadOnly = true,
                        }),
                ],
            },
        };
    }

    /// <summary>Lets a container see a folder that another sees, too.</summary>
    public static void Show(string folder, string target, CreateContainerParameters plan) =>
        plan.HostConfig.Mounts.Add(
            new Mount
            {
                Type = "volume",
                Source = folder,
                Target = target,
                VolumeOptions = new VolumeOptions { NoCopy = true },
            }
        );

    /// <summary>Puts a container on another's network, whose name and hosts file it has then.</summary>
    public static void PutBeside(string container, CreateContainerParameters plan)
    {
        plan.Hostname = null;
        plan.HostConfig.NetworkMode = $"container:{container}";
        plan.HostConfig.ExtraHosts = null;
    }

    /// <summary>The daemon can limit what a container writes to its disk.</summary>
    public static bool HasQuota(SystemInfoResponse daemon) =>
        daemon.Driver is "btrfs" or "zfs"
        || (daemon.Driver == "overlay2" && Status(daemon, "Backing Filesystem") == "xfs" && XfsHasQuota(daemon));

    private static string? Status(SystemInfoResponse daemon, string name) =>
        daemon.DriverStatus?.FirstOrDefault(pair => pair is [var key, _] && key == name)?[1];

    // The daemon refuses a size without project quotas, and does not say beforehand whether there are any.
    private static bool XfsHasQuota(SystemInfoResponse daemon) =>
        File.ReadLines("/proc/mounts")
            .Select(line => line.Split(' '))
            .Where(words => words.Length > 3 && IsBelow(daemon.DockerRootDir, words[1]))
            .MaxBy(words => words[1].Length)
            is { } mount
        && mount[3].Split(',').Any(option => option is "prjquota" or "pquota");

    private static bool IsBelow(string path, string folder) =>
        folder == "/" || path == folder || path.StartsWith(folder + "/", StringComparison.Ordinal);

    private static string ReadSeccomp()
    {
        var profile = Walls.Seccomp();
        // A daemon before 22.06 refuses what is not named with EPERM, whatever the profile says. To that the C library
        // makes no thread at all; ENOSYS lets it take the older call.
        profile["syscalls"]!
            .AsArray()
            .Add(
                new JsonObject
                {
                    ["names"] = new JsonArray("clone3"),
                    ["action"] = "SCMP_ACT_ERRNO",
                    ["errnoRet"] = NoSuchCall,
                }
            );
        // Docker's own form adds the 32-bit siblings by this map.
        profile["archMap"] = new JsonArray(
            new JsonObject
            {
                ["architecture"] = "SCMP_ARCH_X86_64",
                ["subArchitectures"] = new JsonArray("SCMP_ARCH_X86"),
            },
            new JsonObject
            {
                ["architecture"] = "SCMP_ARCH_AARCH64",
                ["subArchitectures"] = new JsonArray("SCMP_ARCH_ARM"),
            }
        );
        return JsonSerializer.Serialize(profile);
    }
}
