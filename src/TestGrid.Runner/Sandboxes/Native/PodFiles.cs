using System.Formats.Tar;
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

    public const string HostName = "testgrid";

    /// <summary>The address of slirp4netns' own name server.</summary>
    public const string NameServer = "10.0.2.3";

    public const string Log = "log";

    /// <summary>The one folder that the pod's root may make files in: runc writes beside the name and renames.</summary>
    public const string Out = "out";

    public const string PidFile = Out + "/pid";

    // The shell opened these before it gave up its id: 3 is the pod's folder, 4 the bundle, 5 the first mount. Named
    // through them, a folder is found although its parents are closed to the pod's ids.
    private const int FolderFile = 3;
    private const int BundleFile = 4;
    private const int FirstMountFile = 5;

    private readonly List<(string Path, UnixFileMode Mode, int Uid, int Gid, string? Text)> skeleton = [];
    private readonly HashSet<string> made = [];

    /// <summary>What every pod needs, whoever's it will be.</summary>
    /// <param name="folder">The pod's.</param>
    /// <param name="rules">The packet filter; empty for a pod without a network.</param>
    /// <param name="hideControlGroups">See <see cref="OciRuntime.HidesControlGroups"/>.</param>
    public static void WriteCommon(string folder, string rules, bool hideControlGroups)
    {
        Directory.CreateDirectory(Path.Combine(folder, "t"));
        // The runtime is the pod's root, a stranger here, and writes its log and the container's number into these. No
        // one else can come this far.
        File.WriteAllText(Path.Combine(folder, Log), "");
        File.SetUnixFileMode(Path.Combine(folder, Log), Modes.All);
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

        PlanSkeleton();
        await using var archive = new TarWriter(
            File.Create(Path.Combine(folder, "skeleton.tar")),
            TarEntryFormat.Ustar
        );
        foreach (var (path, mode, uid, gid, text) in skeleton)
        {
            var type = text is null ? TarEntryType.Directory : TarEntryType.RegularFile;
            var entry = new PaxTarEntry(type, path)
            {
                Mode = mode,
                Uid = uid,
                Gid = gid,
            };
            if (text is not null)
                entry.DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text));
            await archive.WriteEntryAsync(entry, stop);
        }
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
        table.AppendLine($"testgrid {InPod}/t/root overlay {OverlayOf(BundleFile, 0)} 0 0");
        for (var i = 0; i < spec.Mounts.Length; i++)
        {
            var (_, target, kind) = spec.Mounts[i];
            var (at, file) = ($"{InPod}/t/root{Escape(target)}", FirstMountFile + i);
            table.AppendLine(
                kind is SandboxMountKind.Overlay
                    ? $"testgrid {at} overlay {OverlayOf(file, i + 1)} 0 0"
                    : $"/proc/self/fd/{file} {at} none bind,ro,nosuid,nodev 0 0"
            );
        }
        return table.ToString();
    }

    private static string OverlayOf(int file, int number) =>
        $"userxattr,lowerdir=/proc/self/fd/{file},upperdir={InPod}/t/u{number},workdir={InPod}/t/w{number}";

    private void PlanSkeleton()
    {
        foreach (var name in new[] { "root", "state", "bundle" })
            AddFolder(name, 0, 0);
        Add("bundle/config.json", "", 0, 0);
        AddFolder("u0", 0, 0);
        AddFolder("w0", 0, 0);
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
            AddFolder($"u{i + 1}", uid, gid, (UnixFileMode)(facts.Mode & 0xFFF));
            AddFolder($"w{i + 1}", 0, 0);
        }

        AddFile("/etc/hostname", HostName + "\n");
        AddFile("/etc/hosts", $"127.0.0.1 localhost {HostName}\n::1 localhost ip6-localhost ip6-loopback\n");
        AddFile("/etc/resolv.conf", spec.Network is SandboxNetwork.Egress ? $"nameserver {NameServer}\n" : "");
        AddParents("/tmp/x");
        foreach (var mount in spec.Mounts)
            AddTarget(mount);
    }

    private void AddFile(string path, string text)
    {
        AddParents(path);
        Add("u0" + path, text, 0, 0);
    }

    private void AddTarget(SandboxMount mount)
    {
        // A target below another mount is that mount's to hold.
        if (
            spec.Mounts.Any(other =>
                other != mount && mount.Target.StartsWith(other.Target + "/", StringComparison.Ordinal)
            )
        )
            return;
        var folder = Directory.Exists(mount.Source);
        var there = tree.Look(mount.Target);
        if (there is { } found)
        {
            if (folder ? !found.IsFolder : !found.IsFile)
                throw new SandboxException(
                    $"{mount.Target} in the bundle is no {(folder ? "folder" : "file")} to mount on."
                );
            return;
        }
        var (uid, gid) = AddParents(mount.Target);
        if (folder)
            AddFolder("u0" + mount.Target, uid, gid);
        else
            Add("u0" + mount.Target, "", uid, gid);
    }

    // The folders above a new entry, in the upper layer: as they are in the bundle, or, where it has none, owned as the
    // nearest one that it has. So /home/travis/build/OWNER is travis's, and a job may write beside its repository.
    private (int Uid, int Gid) AddParents(string path)
    {
        var (uid, gid) = (0, 0);
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var walked = "";
        foreach (var part in parts.SkipLast(1))
        {
            walked = $"{walked}/{part}";
            var mode = Modes.Folder;
            if (tree.Look(walked) is { } facts)
            {
                if (!facts.IsFolder)
                    throw new SandboxException($"{walked} in the bundle is no folder, so {path} cannot be there.");
                (uid, gid, mode) = ((int)facts.Uid, (int)facts.Gid, (UnixFileMode)(facts.Mode & 0xFFF));
            }
            AddFolder("u0" + walked, uid, gid, walked == "/tmp" ? Modes.Shared : mode);
        }
        return (uid, gid);
    }

    private void AddFolder(string path, int uid, int gid, UnixFileMode? mode = null)
    {
        if (made.Add(path))
            skeleton.Add((path + "/", mode ?? Modes.Folder, uid, gid, null));
    }

    private void Add(string path, string text, int uid, int gid)
    {
        if (made.Add(path))
            skeleton.Add((path, Modes.File, uid, gid, text));
    }

    // fstab's own escapes: blanks part its fields.
    private static string Escape(string path) =>
        path.Replace("\\", "\\134", StringComparison.Ordinal)
            .Replace(" ", "\\040", StringComparison.Ordinal)
            .Replace("\t", "\\011", StringComparison.Ordinal)
            .Replace("#", "\\043", StringComparison.Ordinal);
}
