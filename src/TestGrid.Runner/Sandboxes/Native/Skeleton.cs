namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>What a pod's in-memory file system holds at first, owners are those inside.</summary>
internal sealed class Skeleton
{
    private readonly List<(string Path, UnixFileMode Mode, int Uid, int Gid, string? Text)> entries = [];
    private readonly HashSet<string> made = [];

    /// <summary>Adds a folder, if it is not there already.</summary>
    public void AddFolder(string path, int uid = 0, int gid = 0, UnixFileMode? mode = null)
    {
        if (made.Add(path))
            entries.Add((path, mode ?? Modes.Folder, uid, gid, null));
    }

    /// <summary>Adds a file, if it is not there already.</summary>
    public void Add(string path, string text, int uid = 0, int gid = 0)
    {
        if (made.Add(path))
            entries.Add((path, Modes.File, uid, gid, text));
    }

    /// <param name="orders">Where they are written down, parents first.</param>
    /// <param name="at">Where they shall be, as seen in the pod.</param>
    public void Order(LauncherText orders, string at)
    {
        foreach (var (path, mode, uid, gid, text) in entries)
        {
            string[] fields = [$"{at}/{path}", Convert.ToString((int)mode, 8), $"{uid}", $"{gid}"];
            if (text is null)
                orders.Add("folder", fields);
            else
                orders.Add("file", [.. fields, text]);
        }
    }
}

/// <summary>The upper layer of a root: what stands over a bundle's tree from the beginning.</summary>
/// <param name="skeleton">Where it is written down.</param>
/// <param name="folder">The layer's folder in there.</param>
/// <param name="tree">The bundle's tree.</param>
/// <param name="holdsTargets">
/// Whatever is mounted on stands in this layer, also what the bundle has: between the two may be a layer of a job's, and a
/// link in it must not lead a mount astray.
/// </param>
internal sealed class UpperLayer(Skeleton skeleton, string folder, BundleTree tree, bool holdsTargets = false)
{
    /// <summary>The files that every root has of its own.</summary>
    /// <param name="nameServer">Who is asked for names, or null.</param>
    /// <param name="hostName">What the machine is called.</param>
    public void AddOwn(string? nameServer, string hostName)
    {
        AddFile("/etc/hostname", hostName + "\n");
        AddFile("/etc/hosts", $"127.0.0.1 localhost {hostName}\n::1 localhost ip6-localhost ip6-loopback\n");
        AddFile("/etc/resolv.conf", nameServer is null ? "" : $"nameserver {nameServer}\n");
        AddParents("/tmp/x");
    }

    /// <summary>Something to mount on, if the bundle has it not.</summary>
    /// <exception cref="SandboxException">The bundle has something else there.</exception>
    public void AddTarget(string target, bool isFolder)
    {
        if (tree.Look(target) is { } found)
        {
            if (isFolder ? !found.IsFolder : !found.IsFile)
                throw new SandboxException(
                    $"{target} in the bundle is no {(isFolder ? "folder" : "file")} to mount on."
                );
            if (!holdsTargets)
                return;
        }
        var (uid, gid) = AddParents(target);
        if (isFolder)
            skeleton.AddFolder(folder + target, uid, gid);
        else
            skeleton.Add(folder + target, "", uid, gid);
    }

    private void AddFile(string path, string text)
    {
        AddParents(path);
        skeleton.Add(folder + path, text);
    }

    // The folders above a new entry: as they are in the bundle, or, where it has none, owned as the nearest one that it
    // has. So /home/travis/build/OWNER is travis's, and a job may write beside its repository.
    private (int Uid, int Gid) AddParents(string path)
    {
        var (uid, gid) = (0, 0);
        var walked = "";
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries).SkipLast(1))
        {
            walked = $"{walked}/{part}";
            var mode = Modes.Folder;
            if (tree.Look(walked) is { } facts)
            {
                if (!facts.IsFolder)
                    throw new SandboxException($"{walked} in the bundle is no folder, so {path} cannot be there.");
                (uid, gid, mode) = ((int)facts.Uid, (int)facts.Gid, (UnixFileMode)(facts.Mode & 0xFFF));
            }
            skeleton.AddFolder(folder + walked, uid, gid, walked == "/tmp" ? Modes.Shared : mode);
        }
        return (uid, gid);
    }
}
