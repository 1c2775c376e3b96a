using System.Globalization;
using System.Security.Cryptography;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Shows trees from EROFS images, where the operator wants it and this machine can: an image is made once, compared with the
/// bundle's digest, mounted once and read-only at <c>mnt/DIGEST</c> for all sandboxes, and read through once after each start
/// of the machine. It is gone with its bundle, which leases hold.
/// </summary>
internal sealed class TreeMounts(BundleOptions options, BundleShelf shelf, TimeProvider time)
{
    private const int NoBlockDevice = 15; // ENOTBLK: this kernel takes no file

    private readonly IdRange range = new(options.IdBase);

    /// <summary>The same bundle, in use, with the tree as it is shown here.</summary>
    /// <exception cref="BundleException">The operator wants an image, and it cannot be.</exception>
    public async ValueTask<BundleLease> ShowAsync(BundleLease lease, CancellationToken stop)
    {
        var way = MountWay.Here(options.Mount);
        if (!way.IsErofs)
            return options.Mount == BundleMount.Erofs
                ? throw new BundleException($"bundles:mount is erofs, and here it is {way.Text}. Remedy: auto.")
                : lease;
        var bundle = lease.Bundle;
        var at = At(options.RootPath, bundle.Digest.Hex);
        await using var alone = await FileLock.HoldAsync(
            shelf.LockOf(bundle.Digest.Hex + ".mount"),
            time,
            () => { },
            stop
        );
        if (!IsMounted(at))
            await MountAsync(way, bundle, at, stop);
        return lease.At(at);
    }

    /// <summary>Takes the mount of a bundle away that goes; nobody has it in use.</summary>
    public static void Remove(string root, string hex)
    {
        var at = At(root, hex);
        if (!Directory.Exists(at))
            return;
        Posix.Unmount(at);
        Directory.Delete(at);
    }

    private static string At(string root, string hex) => Path.Combine(root, "mnt", hex);

    private async Task MountAsync(MountWay way, Bundle bundle, string at, CancellationToken stop)
    {
        var folder = shelf.FolderOf(bundle.Digest);
        var (image, sum) = (Path.Combine(folder, "tree.erofs"), Path.Combine(folder, "tree.erofs.sum"));
        Directory.CreateDirectory(at);
        foreach (var passed in new[] { Path.GetDirectoryName(at)!, at })
            File.SetUnixFileMode(passed, (UnixFileMode)0x1ED); // 0755: sandboxes pass through
        var boot = (await File.ReadAllTextAsync("/proc/sys/kernel/random/boot_id", stop)).Trim();
        var isNew = !await IsWholeAsync(image, sum, boot, stop);
        if (isNew)
            await MakeAsync(bundle, image, stop);
        await MountAsync(way, image, at, stop);
        if (isNew)
        {
            var found = await Task.Run(() => TreeReader.Read(at, range.Base, stop), stop);
            if (found.Digest != bundle.Digest)
            {
                Posix.Unmount(at);
                File.Delete(image);
                throw new BundleException(
                    $"The tree of {bundle.Name} {bundle.Digest.Short} was changed: it is {found.Digest.Short} now. Remedy: "
                        + $"testgrid bundle verify {bundle.Digest} says where; remove {folder} and build it again."
                );
            }
            await File.WriteAllTextAsync(sum, $"{await SumAsync(image, stop)} {boot}\n", stop);
        }
    }

    // Once after each start of the machine: from then on only root could have changed it.
    private static async Task<bool> IsWholeAsync(string image, string sum, string boot, CancellationToken stop)
    {
        if (!File.Exists(image) || !File.Exists(sum))
            return false;
        if ((await File.ReadAllTextAsync(sum, stop)).Trim().Split(' ') is not [var known, var since])
            return false;
        if (since == boot)
            return true;
        if (await SumAsync(image, stop) != known)
            return false;
        await File.WriteAllTextAsync(sum, $"{known} {boot}\n", stop);
        return true;
    }

    private static async Task<string> SumAsync(string image, CancellationToken stop)
    {
        await using var file = File.OpenRead(image);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, stop));
    }

    // As the tree lies there, with the range's ids; the order, the time and the name follow from the bundle.
    private async Task MakeAsync(Bundle bundle, string image, CancellationToken stop)
    {
        var record = BundleRecord.Read(Path.Combine(shelf.FolderOf(bundle.Digest), "bundle.json"));
        var epoch = (record?.Epoch ?? 0).ToString(CultureInfo.InvariantCulture);
        File.Delete(image + ".new");
        var (code, said) = await AptSources.RunAsync(
            "mkfs.erofs",
            ["-d0", "-x1", "-T" + epoch, image + ".new", BundleShelf.RootOf(shelf.FolderOf(bundle.Digest))],
            stop
        );
        if (code != 0)
            throw new BundleException($"mkfs.erofs failed for {bundle.Name}: {AptSources.LastWords(said)}");
        Posix.Settle(Path.GetDirectoryName(image)!);
        File.Move(image + ".new", image, overwrite: true);
    }

    private static async Task MountAsync(MountWay way, string image, string at, CancellationToken stop)
    {
        var error = way.IsFile ? Posix.MountReadOnly(image, at, "erofs") : NoBlockDevice;
        if (error == 0)
            return;
        var (code, said) =
            error == NoBlockDevice
                ? await AptSources.RunAsync("mount", ["-t", "erofs", "-o", "ro,nodev,loop", image, at], stop)
                : (error, $"error {error}");
        if (code != 0)
            throw new BundleException(
                $"{image} could not be mounted: {said.Trim()}. Remedy: bundles:mount: directory."
            );
    }

    private static bool IsMounted(string at) =>
        File.ReadLines("/proc/self/mountinfo")
            .Any(line => line.Split(' ') is [_, _, _, _, var place, ..] && place == at);
}
