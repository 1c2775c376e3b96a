using System.IO.Compression;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Builds a recipe's tree from its lock: apt installs the locked packages out of the pool, with no network and as
/// root of the sandboxes' id range only, straight into the tree; that is read into a manifest, and must pass its
/// recipe's checks. Whatever becomes of it, none of its processes is left.
/// </summary>
internal sealed class BundleBuilder(PackagePool pool, ToolSource tools, BundleOptions options, TimeProvider time)
{
    private readonly IdRange range = new(options.IdBase);

    /// <param name="recipe">Complete with its parents'.</param>
    /// <param name="locked">What it is built from.</param>
    /// <param name="folder">An empty folder; gets <c>tree/</c> with what the store keeps, and <c>work/</c>.</param>
    /// <param name="log">Where everything the tools say is kept.</param>
    /// <param name="stop">Stops it.</param>
    /// <param name="elsewhere">In <see cref="Surroundings.Others"/>.</param>
    /// <param name="upon">Makes a draft upon this tree; null builds the whole.</param>
    /// <exception cref="ForgottenPackagesException">A package is neither in the pool nor on a mirror.</exception>
    /// <exception cref="BundleException">It cannot be built; the message has apt's own words.</exception>
    public async Task<BundleRecord> BuildAsync(
        Recipe recipe,
        BundleLock locked,
        string folder,
        BuildLog log,
        CancellationToken stop,
        bool elsewhere = false,
        DraftBase? upon = null
    )
    {
        using var limit = new CancellationTokenSource(options.BuildTime, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        try
        {
            return await BuildStepsAsync(recipe, locked, folder, log, (elsewhere, upon), both.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            throw new BundleException(
                $"Bundle {recipe.Name} was not built within {options.BuildTime}. "
                    + "Remedy: look at the mirror, or raise Bundles:BuildTime."
            );
        }
    }

    private async Task<BundleRecord> BuildStepsAsync(
        Recipe recipe,
        BundleLock locked,
        string folder,
        BuildLog log,
        (bool Elsewhere, DraftBase? Upon) how,
        CancellationToken stop
    )
    {
        CheckSpace();
        var upon = how.Upon;
        var parts = upon is null ? locked : locked with { Packages = upon.Added, Tools = [] };
        var (work, tree) = (Path.Combine(folder, "work"), Path.Combine(folder, "tree"));
        var root = Path.Combine(tree, "root");
        foreach (var passed in new[] { folder, work, tree, root })
        {
            Directory.CreateDirectory(passed);
            File.SetUnixFileMode(passed, (UnixFileMode)0x1ED); // 0755: the range's root passes through
        }
        log.Reach(2, "fetching packages");
        await pool.FetchAsync(parts, work, (done, all) => log.Reach(2 + 6 * done / all, "fetching packages"), stop);
        await tools.FetchAsync(parts, work, stop);
        log.Reach(8, "reading the packages");
        var given = Path.Combine(work, "given");
        await LocalRepository.MakeAsync(parts, pool, given, stop);
        var finish = upon is null ? FinishScript.Of(recipe) : FinishScript.OfDraft(recipe);
        await File.WriteAllTextAsync(Path.Combine(given, PackageInstall.Finish), finish, stop);
        ShowAll(given);
        await range.TakeOverAsync(root, stop);
        var room = (Path.Combine(work, "room"), root, given);

        if (upon is null)
            await PackageInstall.RunAsync(range, recipe, locked, room, log, how.Elsewhere, stop);
        else
            await DraftInstall.RunAsync(range, recipe, locked, upon, room, log, stop);

        log.Reach(94, "reading the tree");
        var otherwise = BundlePackage.DifferencesTo(locked, Path.Combine(root, "var/lib/dpkg/status"));
        if (!otherwise.IsEmpty)
            throw new BundleException(
                $"What was installed is not what the lock of {recipe.Name} says:\n{string.Join('\n', otherwise)}\n"
                    + $"Remedy: testgrid bundle update {recipe.Name}"
            );
        var manifest = await TreeReader.ReadAsync(range, root, stop);
        await KeepAsync(manifest, Path.Combine(tree, "manifest.gz"), stop);
        log.Reach(97, "checking");
        foreach (var check in recipe.Tools.Select(ToolCheck.Of).Concat(recipe.Checks))
            await TreeCheck.RunAsync(range, recipe, check, room, stop);

        var record = new BundleRecord(
            recipe.Name,
            manifest.Digest,
            recipe.Suite,
            BuildKey.Of(recipe, locked.Digest),
            locked.Epoch,
            manifest.Bytes,
            BundlePackage.Of(locked)
        )
        {
            LockDigest = locked.Digest,
            IsDraft = upon is not null,
        };
        record.Write(Path.Combine(tree, "bundle.json"));
        await File.WriteAllTextAsync(Path.Combine(tree, "lock.json"), locked.Text(), stop);
        await File.WriteAllBytesAsync(Path.Combine(tree, "lease"), [], stop);
        log.Reach(99, "storing");
        // A draft that a power cut takes is soon made again.
        if (upon is null)
            Posix.Settle(tree);
        return record;
    }

    // Whatever our umask: the range's root is a stranger who must read these.
    private static void ShowAll(string folder)
    {
        foreach (var one in Directory.GetDirectories(folder, "*", SearchOption.AllDirectories).Append(folder))
            File.SetUnixFileMode(one, (UnixFileMode)0x1ED); // 0755
        var written = Directory.GetFiles(Path.Combine(folder, "dists"), "*", SearchOption.AllDirectories);
        foreach (var one in written.Append(Path.Combine(folder, PackageInstall.Finish)))
            File.SetUnixFileMode(one, (UnixFileMode)0x1A4); // 0644
    }

    private void CheckSpace()
    {
        var free = new DriveInfo(options.RootPath).AvailableFreeSpace;
        if (free < options.FreeBytes)
            throw new BundleException(
                $"{options.RootPath} has {free >> 20} MB free and a build wants {options.FreeBytes >> 20} MB. "
                    + "Remedy: make room, or move the store (Bundles:RootPath)."
            );
    }

    private static async Task KeepAsync(Manifest manifest, string file, CancellationToken stop)
    {
        await using var gzip = new GZipStream(File.Create(file), CompressionLevel.Fastest);
        await gzip.WriteAsync(manifest.Text, stop);
    }
}
