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
    private const string Memory = $"{PodFiles.InPod}/t";

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
        ];

    private static string Opened(int file) => $"/proc/self/fd/{file}";

    private void AddMounts()
    {
        orders.Add("overlay", $"{Memory}/root", OverlayOf(BundleFile, "u0", "w0"));
        for (var i = 0; i < spec.Mounts.Length; i++)
        {
            var (_, target, kind) = spec.Mounts[i];
            var (at, file) = ($"{Memory}/root{target}", FirstMountFile + i);
            if (kind is SandboxMountKind.Overlay)
                orders.Add("overlay", at, OverlayOf(file, $"u{i + 1}", $"w{i + 1}"));
            else
                orders.Add("show", at, Opened(file));
        }
        for (var i = 0; i < spec.Services.Length; i++)
        {
            var (own, file) = (PodFiles.FolderOf(i), FirstMountFile + spec.Mounts.Length + i);
            orders.Add("overlay", $"{Memory}/{own}/root", OverlayOf(file, $"{own}/u", $"{own}/w"));
            if (spec.Services[i].Sockets is not { } sockets)
                continue;
            foreach (var root in (string[])["root", $"{own}/root"])
                orders.Add("share", $"{Memory}/{root}{sockets}", $"{Memory}/{own}/sockets");
        }
    }

    private static string OverlayOf(int file, string upper, string work) =>
        $"userxattr,lowerdir={Opened(file)},upperdir={Memory}/{upper},workdir={Memory}/{work}";

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
        var upper = new UpperLayer(skeleton, "u0", tree);
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
