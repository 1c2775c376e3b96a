using System.Formats.Tar;
using System.Globalization;
using System.Text;
using Docker.DotNet;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>
/// The files that a sandbox begins with beside its bundle: the folders above its mounts, and the copies that stand for
/// overlays. They go through the lifeline, so that they end up in the container's memory, under its limit.
/// </summary>
internal sealed class DockerFiles(SandboxSpec spec, SandboxOptions options)
{
    private const int Piece = 1 << 20;
    private readonly BundleTree tree = new(spec.RootPath, options.FirstId);
    private readonly List<PaxTarEntry> folders = [];
    private readonly HashSet<string> made = [];

    /// <summary>What Docker puts into every tree, where this one has nothing: a bundle looks the same in every engine.</summary>
    public IEnumerable<string> Strange => tree.Look("/etc/mtab") is null ? ["/etc/mtab"] : [];

    /// <summary>Looks whether all the targets can be.</summary>
    /// <exception cref="SandboxException">One cannot.</exception>
    public void Plan()
    {
        foreach (var mount in spec.Mounts)
            PlanTarget(mount);
        foreach (var folder in spec.Folders)
        {
            if (tree.Look(folder) is { IsFolder: false })
                throw new SandboxException($"{folder} in the bundle is no folder.");
            PlanFolders(folder);
        }
    }

    /// <summary>Sends them all to the container's first process, and the word that nothing more comes.</summary>
    public async Task SendAsync(MultiplexedStream to, CancellationToken stop)
    {
        if (folders.Count > 0)
            await SendAsync(to, "/", await PackAsync(folders, stop), stop);
        foreach (var mount in spec.Mounts.Where(mount => mount.Kind is SandboxMountKind.Overlay))
        {
            using var tar = await DockerImages.ReadTreeAsync(mount.Source, options.FirstId, stop);
            var complaints = tar.StandardError.ReadToEndAsync(stop);
            try
            {
                await SendAsync(to, mount.Target, tar.StandardOutput.BaseStream, stop);
            }
            finally
            {
                tar.StandardInput.Close();
                tar.StandardOutput.Close();
                await tar.WaitForExitAsync(CancellationToken.None);
            }
            if (tar.ExitCode != 0)
                throw new SandboxException($"{mount.Source} cannot be copied: {(await complaints).Trim()}");
        }
        await WriteAsync(to, "\n", stop);
    }

    private static async Task SendAsync(MultiplexedStream to, string folder, Stream archive, CancellationToken stop)
    {
        await WriteAsync(to, folder + "\n", stop);
        var piece = new byte[Piece];
        while (await archive.ReadAtLeastAsync(piece, Piece, throwOnEndOfStream: false, stop) is var read and > 0)
        {
            await WriteAsync(to, string.Create(CultureInfo.InvariantCulture, $"{read}\n"), stop);
            await to.WriteAsync(piece, 0, read, stop);
        }
        await WriteAsync(to, "0\n", stop);
    }

    private static Task WriteAsync(MultiplexedStream to, string text, CancellationToken stop)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return to.WriteAsync(bytes, 0, bytes.Length, stop);
    }

    private static async Task<Stream> PackAsync(IEnumerable<PaxTarEntry> entries, CancellationToken stop)
    {
        var archive = new MemoryStream();
        await using (var writer = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach (var entry in entries)
                await writer.WriteEntryAsync(entry, stop);
        }
        archive.Position = 0;
        return archive;
    }

    private void PlanTarget(SandboxMount mount)
    {
        // A target below another mount is that mount's to hold.
        if (spec.Mounts.Any(other => other != mount && IsBelow(mount.Target, other.Target)))
            return;
        var folder = Directory.Exists(mount.Source);
        if (tree.Look(mount.Target) is { } found)
        {
            if (folder ? !found.IsFolder : !found.IsFile)
                throw new SandboxException(
                    $"{mount.Target} in the bundle is no {(folder ? "folder" : "file")} to mount on."
                );
            return;
        }
        PlanFolders(Path.GetDirectoryName(mount.Target)!);
    }

    // What of a path the bundle has not got belongs to who owns the nearest folder that it has: a job may write beside its
    // repository.
    private void PlanFolders(string path)
    {
        var (uid, gid) = (0, 0);
        var walked = "";
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            walked = $"{walked}/{part}";
            if (tree.Look(walked) is { } there)
                (uid, gid) = ((int)there.Uid, (int)there.Gid);
            else if (made.Add(walked))
                folders.Add(
                    new PaxTarEntry(TarEntryType.Directory, walked[1..] + "/")
                    {
                        Mode = Modes.Folder,
                        Uid = uid,
                        Gid = gid,
                    }
                );
        }
    }

    private static bool IsBelow(string path, string folder) => path.StartsWith(folder + "/", StringComparison.Ordinal);
}
