using System.Globalization;
using System.Text;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// The files that a pod reads while it sets itself up: two mount tables, and an archive of what its in-memory file
/// system holds at first. Inside, the pod's folder is seen at <see cref="InPod"/>.
/// </summary>
internal sealed class PodFiles(SandboxSpec spec, BundleTree tree, SandboxOptions options)
{
    /// <summary>Where the pod's folder is shown in its mount namespace; every machine has this folder (FHS).</summary>
    public const string InPod = "/mnt";

    /// <summary>The address of slirp4netns' own name server.</summary>
    public const string NameServer = "10.0.2.3";

    /// <summary>The one folder that the pod's root may make files in: runc writes beside the name and renames.</summary>
    public const string Out = "out";

    // The shell opened these before it gave up its id: 3 is the pod's folder, 4 the bundle, 5 the first mount. Named
    // through them, a folder is found although its parents are closed to the pod's ids.
    private const int FolderFile = 3;
    private const int BundleFile = 4;
    private const int FirstMountFile = 5;

    private readonly Skeleton skeleton = new();

    /// <summary>The folder of a service, in the pod's in-memory file system.</summary>
    public static string FolderOf(int service) => string.Create(CultureInfo.InvariantCulture, $"s{service}");

    /// <summary>The outside folders that the pod's first process opens, in the order in which tables name them.</summary>
    public static IEnumerable<string> Opened(string folder, SandboxSpec spec) =>
        [
            folder,
            spec.RootPath,
            .. spec.Mounts.Select(mount => mount.Source),
            .. spec.Services.Select(service => service.RootPath),
        ];

    /// <summary>What every pod needs, whoever's it will be.</summary>
    /// <param name="folder">The pod's.</param>
    /// <param name="rules">The packet filter; empty for a pod without a network.</param>
    /// <param name="hideControlGroups">See <see cref="ContainerRuntime.HidesControlGroups"/>.</param>
    public static void WriteCommon(string folder, string rules, bool hideControlGroups)
    {
        Directory.CreateDirectory(Path.Combine(folder, "t"));
        // The runtime is the pod's root, a stranger here, and writes its log and the container's number into these. No
        // one else can come this far.
        AddLog(folder, ContainerPlace.Job);
        Directory.CreateDirectory(Path.Combine(folder, Out));
        File.SetUnixFileMode(Path.Combine(folder, Out), Modes.All);
        // «Already mounted» is judged by source and target: none of our sources is called as the host's are.
        var hidden = hideControlGroups ? "testgrid /sys/fs/cgroup tmpfs ro,size=4k,nr_inodes=1 0 0\n" : "";
        File.WriteAllText(Path.Combine(folder, "fstab0"), "testgrid /proc proc nosuid,nodev,noexec 0 0\n" + hidden);
        File.WriteAllText(Path.Combine(folder, "nft"), rules);
    }

    /// <summary>Whether a pod's packet filter is this one. The host's addresses may have changed since it was made.</summary>
    public static bool HasRules(string folder, string rules)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "nft")) == rules;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // somebody cleaned up under a pod that waited
        }
    }

    /// <summary>What is this job's: its mounts, and what its disk holds at first.</summary>
    public async Task WriteAsync(string folder, CancellationToken stop)
    {
        await File.WriteAllTextAsync(Path.Combine(folder, "fstab1"), FirstTable(), stop);
        await File.WriteAllTextAsync(Path.Combine(folder, "fstab2"), SecondTable(), stop);

        for (var i = 0; i < spec.Services.Length; i++)
            AddLog(folder, ContainerPlace.Of(i));
        PlanSkeleton();
        await skeleton.WriteAsync(Path.Combine(folder, "skeleton.tar"), stop);
    }

    private static void AddLog(string folder, ContainerPlace place)
    {
        var log = Path.Combine(folder, place.Log);
        File.WriteAllText(log, "");
        File.SetUnixFileMode(log, Modes.All);
    }

    // Owners below are those inside: the mounter is the pod's root by then.
    private string FirstTable()
    {
        var (bytes, files) = options.RoomFor(spec.Limits);
        return $"""
            /proc/self/fd/{FolderFile} {InPod} none bind 0 0
            testgrid {InPod}/t tmpfs size={bytes},nr_inodes={files},mode=755,nosuid 0 0

            """;
    }

    private string SecondTable()
    {
        var table = new StringBuilder();
        table.AppendLine($"testgrid {InPod}/t/root overlay {OverlayOf(BundleFile, "u0", "w0")} 0 0");
        for (var i = 0; i < spec.Mounts.Length; i++)
        {
            var (_, target, kind) = spec.Mounts[i];
            var (at, file) = ($"{InPod}/t/root{Escape(target)}", FirstMountFile + i);
            table.AppendLine(
                kind is SandboxMountKind.Overlay
                    ? $"testgrid {at} overlay {OverlayOf(file, $"u{i + 1}", $"w{i + 1}")} 0 0"
                    : $"/proc/self/fd/{file} {at} none bind,ro,nosuid,nodev 0 0"
            );
        }
        for (var i = 0; i < spec.Services.Length; i++)
        {
            var (own, file) = (FolderOf(i), FirstMountFile + spec.Mounts.Length + i);
            table.AppendLine($"testgrid {InPod}/t/{own}/root overlay {OverlayOf(file, $"{own}/u", $"{own}/w")} 0 0");
            if (spec.Services[i].Sockets is not { } sockets)
                continue;
            foreach (var root in (string[])["root", $"{own}/root"])
                table.AppendLine($"{InPod}/t/{own}/sockets {InPod}/t/{root}{Escape(sockets)} none bind 0 0");
        }
        return table.ToString();
    }

    private static string OverlayOf(int file, string upper, string work) =>
        $"userxattr,lowerdir=/proc/self/fd/{file},upperdir={InPod}/t/{upper},workdir={InPod}/t/{work}";

    private void PlanSkeleton()
    {
        foreach (var name in new[] { "root", "state", "bundle", "u0", "w0" })
            skeleton.AddFolder(name);
        skeleton.Add("bundle/config.json", "");
        for (var i = 0; i < spec.Mounts.Length; i++)
        {
            if (spec.Mounts[i].Kind is not SandboxMountKind.Overlay)
                continue;
            // The upper folder becomes the root of the mount: its owner and mode are the source's.
            var facts = Posix.Look(spec.Mounts[i].Source)!.Value;
            var (uid, gid) = ((int)facts.Uid - options.FirstId, (int)facts.Gid - options.FirstId);
            if (uid is < 0 or >= SandboxOptions.IdCount || gid is < 0 or >= SandboxOptions.IdCount)
                throw new SandboxException(
                    $"{spec.Mounts[i].Source} belongs to {facts.Uid}:{facts.Gid}, "
                        + $"not to the sandbox's ids from {options.FirstId} on."
                );
            skeleton.AddFolder($"u{i + 1}", uid, gid, (UnixFileMode)(facts.Mode & 0xFFF));
            skeleton.AddFolder($"w{i + 1}");
        }

        var nameServer = spec.Network is SandboxNetwork.Egress ? NameServer : null;
        var upper = new UpperLayer(skeleton, "u0", tree);
        upper.AddOwn(nameServer, spec.HostName);
        // A target below another mount is that mount's to hold.
        foreach (var mount in spec.Mounts.Where(mount => !spec.Mounts.Any(other => IsBelow(mount, other))))
            upper.AddTarget(mount.Target, Directory.Exists(mount.Source));
        for (var i = 0; i < spec.Services.Length; i++)
            PlanService(FolderOf(i), spec.Services[i], nameServer, upper);
    }

    private void PlanService(string own, SandboxService service, string? nameServer, UpperLayer jobs)
    {
        foreach (var name in new[] { "", "/root", "/bundle", "/u", "/w" })
            skeleton.AddFolder(own + name);
        skeleton.Add(own + "/bundle/config.json", "");
        var upper = new UpperLayer(skeleton, own + "/u", new BundleTree(service.RootPath, options.FirstId));
        upper.AddOwn(nameServer, spec.HostName);
        if (service.Sockets is not { } sockets)
            return;
        skeleton.AddFolder(own + "/sockets", mode: Modes.Shared);
        upper.AddTarget(sockets, isFolder: true);
        jobs.AddTarget(sockets, isFolder: true);
    }

    private static bool IsBelow(SandboxMount mount, SandboxMount other) =>
        mount != other && mount.Target.StartsWith(other.Target + "/", StringComparison.Ordinal);

    // fstab's own escapes: blanks part its fields.
    private static string Escape(string path) =>
        path.Replace("\\", "\\134", StringComparison.Ordinal)
            .Replace(" ", "\\040", StringComparison.Ordinal)
            .Replace("\t", "\\011", StringComparison.Ordinal)
            .Replace("#", "\\043", StringComparison.Ordinal);
}
