namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// What makes a pod this job's: its mounts, and what its in-memory file system holds at first, as orders for the launcher
/// (<c>launcher/pod.c</c>).
/// </summary>
/// <param name="folder">The pod's folder on the host.</param>
/// <param name="spec">The sandbox.</param>
/// <param name="tree">Its bundle's tree.</param>
/// <param name="options">The operator's settings.</param>
internal sealed class PodFurniture(string folder, SandboxSpec spec, BundleTree tree, SandboxOptions options)
{
    // Opened in this order, from outside: the pod's folder, the bundle, the mounts, the services' bundles. Named through
    // these numbers, a folder is found although its parents are closed to the pod's ids.
    private const int FolderFile = 3;
    private const int BundleFile = 4;
    private const int FirstMountFile = 5;

    /// <summary>What the sandbox writes to, as seen in the pod.</summary>
    public const string Memory = $"{PodFiles.InPod}/t";

    /// <summary>What of a sandbox's files is its own and no other's: it makes them, or they are meant to be forgotten.</summary>
    public static IReadOnlyList<string> OwnPaths { get; } =
    ["/tmp", "/var/tmp", "/run", "/dev", "/proc", "/sys", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

    private readonly Skeleton skeleton = new();
    private readonly LauncherText orders = new();

    /// <summary>The orders.</summary>
    /// <param name="hideControlGroups">See <see cref="ContainerRuntime.HidesControlGroups"/>.</param>
    /// <exception cref="SandboxException">The bundle or a mount is not as it must be.</exception>
    public byte[] Orders(bool hideControlGroups)
    {
        foreach (var path in Opened())
            orders.Add("open", path);
        if (hideControlGroups)
            orders.Add("tmpfs", "/sys/fs/cgroup", "size=4k,nr_inodes=1");
        orders.Add("share", PodFiles.InPod, Opened(FolderFile));
        // Owners below are those inside: the mounter is the pod's root by then.
        var (bytes, files) = options.RoomFor(spec.Limits);
        orders.Add("tmpfs", Memory, $"size={bytes},nr_inodes={files},mode=755");
        PlanSkeleton();
        skeleton.Order(orders, Memory);
        AddMounts();
        return orders.Bytes;
    }

    private IEnumerable<string> Opened() =>
        [
            folder,
            spec.RootPath,
            .. spec.Mounts.Select(mount => mount.Source),
            .. spec.Services.Select(service => service.RootPath),
            .. layers.Select(layer => layer.Path),
        ];

    // The layer's folders, with the number of the mount that each belongs to; 0 is the root.
    private readonly (int Number, string Path)[] layers = FindLayers(spec);

    private static (int, string)[] FindLayers(SandboxSpec spec) =>
        spec.LayerPath is not { } layer
            ? []
            :
            [
                .. Enumerable
                    .Range(0, spec.Mounts.Length + 1)
                    .Select(number => (Number: number, Path: Path.Combine(layer, $"u{number}")))
                    .Where(one => Directory.Exists(one.Path)),
            ];

    // The layer's folder for a mount, as a lower layer's name; null when there is none.
    private string? LayerOf(int number)
    {
        var at = Array.FindIndex(layers, layer => layer.Number == number);
        return at < 0 ? null : Opened(FirstMountFile + spec.Mounts.Length + spec.Services.Length + at);
    }

    private static string Opened(int file) => $"/proc/self/fd/{file}";

    private void AddMounts()
    {
        // The first of the lower ones wins: a layer over the bundle, but beneath the job's own checkout.
        var bundle = Opened(BundleFile);
        orders.Add(
            "overlay",
            $"{Memory}/root",
            OverlayOf(LayerOf(0) is { } over ? $"{over}:{bundle}" : bundle, "u0", "w0")
        );
        for (var i = 0; i < spec.Mounts.Length; i++)
        {
            var (_, target, kind) = spec.Mounts[i];
            var (at, file) = ($"{Memory}/root{target}", FirstMountFile + i);
            if (kind is SandboxMountKind.Overlay)
            {
                var lower = LayerOf(i + 1) is { } beneath ? $"{Opened(file)}:{beneath}" : Opened(file);
                orders.Add("overlay", at, OverlayOf(lower, $"u{i + 1}", $"w{i + 1}"));
            }
            else
                orders.Add("show", at, Opened(file));
        }
        for (var i = 0; i < spec.Services.Length; i++)
        {
            var (own, file) = (PodFiles.FolderOf(i), FirstMountFile + spec.Mounts.Length + i);
            orders.Add("overlay", $"{Memory}/{own}/root", OverlayOf(Opened(file), $"{own}/u", $"{own}/w"));
            if (spec.Services[i].Sockets is not { } sockets)
                continue;
            foreach (var root in (string[])["root", $"{own}/root"])
                orders.Add("share", $"{Memory}/{root}{sockets}", $"{Memory}/{own}/sockets");
        }
    }

    private static string OverlayOf(string lower, string upper, string work) =>
        $"userxattr,lowerdir={lower},upperdir={Memory}/{upper},workdir={Memory}/{work}";

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

        var nameServer = spec.Network is SandboxNetwork.Egress ? PodFiles.NameServer : null;
        var upper = new UpperLayer(skeleton, "u0", tree, holdsTargets: layers.Length > 0);
        upper.AddOwn(nameServer, spec.HostName);
        // A target below another mount is that mount's to hold.
        foreach (var mount in spec.Mounts.Where(mount => !spec.Mounts.Any(other => IsBelow(mount, other))))
            upper.AddTarget(mount.Target, Directory.Exists(mount.Source));
        foreach (var folder in spec.Folders)
            upper.AddTarget(folder, isFolder: true);
        for (var i = 0; i < spec.Services.Length; i++)
            PlanService(PodFiles.FolderOf(i), spec.Services[i], nameServer, upper);
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
}
