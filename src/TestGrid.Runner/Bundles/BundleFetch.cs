using System.Globalization;
using System.IO.Compression;
using System.Text.RegularExpressions;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Fetches a finished bundle and believes none of it: its manifest must have the digest, and then the unpacked tree must
/// read as the manifest says.
/// </summary>
internal sealed partial class BundleFetch(BundleSupplier supplier, BundleOptions options, TimeProvider time)
{
    private const long ManifestMost = 256L << 20;
    private const long LockMost = 8L << 20;
    private const string Installed = "var/lib/dpkg/status";
    private const int Tries = 4;
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    private readonly IdRange range = new(options.IdBase);

    /// <summary>What the supplier has for the recipe; null when it has none.</summary>
    /// <exception cref="BundleException">Its answer is not one that can be used.</exception>
    public async ValueTask<BundleRecord?> AskAsync(string recipe, CancellationToken stop)
    {
        if (!NameForm.IsMatch(recipe) || await supplier.AskAsync(recipe, stop) is not { } offered)
            return null;
        return offered.Name == recipe ? Checked(offered, recipe) : throw Senseless(recipe);
    }

    /// <summary>What the supplier has by this digest; null when it has none.</summary>
    /// <exception cref="BundleException">Its answer is not one that can be used.</exception>
    public async ValueTask<BundleRecord?> FindAsync(BundleDigest digest, CancellationToken stop)
    {
        if (await supplier.FindAsync(digest, stop) is not { } offered)
            return null;
        return offered.Digest == digest ? Checked(offered, digest.ToString()) : throw Senseless(digest.ToString());
    }

    /// <param name="offered">What to fetch.</param>
    /// <param name="folder">An empty folder; gets <c>tree/</c> with what the store keeps, and <c>work/</c>.</param>
    /// <exception cref="BundleException">It cannot be had, or is not what its name says.</exception>
    public async Task<BundleRecord> FetchAsync(
        BundleRecord offered,
        string folder,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        var (work, tree) = (Path.Combine(folder, "work"), Path.Combine(folder, "tree"));
        var (root, jail) = (Path.Combine(tree, "root"), Path.Combine(work, "jail"));
        CheckSpace(offered);
        foreach (var passed in new[] { folder, work, tree, root, jail })
        {
            Directory.CreateDirectory(passed);
            File.SetUnixFileMode(passed, (UnixFileMode)0x1ED); // 0755: the range's root passes through
        }
        await range.TakeOverAsync(root, stop);

        var text = Path.Combine(work, "manifest");
        await SaveAsync(offered, BundleSupplier.Manifest, text, ManifestMost, null, stop);
        var should = Manifest.Parse(await File.ReadAllBytesAsync(text, stop));
        if (should.Digest != offered.Digest)
            throw new BundleException($"The server's manifest of {Name(offered)} is {should.Digest}: it is refused.");

        var archive = Path.Combine(work, "tree.tar");
        var (all, last) = (offered.Bytes, -1L);
        // A tar is larger than its files: by a header and a filling for each.
        var most = all + all / 4 + 2048L * should.Text.Span.Count((byte)'\n') + (64L << 20);
        await SaveAsync(offered, BundleSupplier.Tree, archive, most, Tell, stop);
        progress.Report(new BundleProgress(offered.Name, 90, "unpacking what was fetched"));
        await BundleArchive.UnpackAsync(range, archive, root, jail, stop);
        File.Delete(archive);
        progress.Report(new BundleProgress(offered.Name, 95, "checking what was fetched"));
        var record = await KeepAsync(offered, should, root, tree, stop);
        if (offered.LockDigest.Length > 0)
            record = record with
            {
                Packages = BundlePackage.Of(await KeepLockAsync(offered, should, work, tree, stop)),
            };
        record.Write(Path.Combine(tree, "bundle.json"));
        await File.WriteAllBytesAsync(Path.Combine(tree, "lease"), [], stop);
        Posix.Settle(tree);
        return record;

        void Tell(long bytes)
        {
            if (bytes / (all / 50 + 1) == last)
                return;
            last = bytes / (all / 50 + 1);
            var phase = string.Create(
                CultureInfo.InvariantCulture,
                $"fetching it from the server: {bytes >> 20} of {all >> 20} MiB"
            );
            progress.Report(new BundleProgress(offered.Name, (int)Math.Min(89, bytes * 90 / all), phase));
        }
    }

    // Names stand in paths and in apt's source list here.
    private static BundleRecord Checked(BundleRecord offered, string asked) =>
        NameForm.IsMatch(offered.Name) && SuiteForm.IsMatch(offered.Suite) && offered.Bytes > 0
            ? offered
            : throw Senseless(asked);

    private static BundleException Senseless(string asked) =>
        new($"The server's word on bundle {asked} makes no sense. Is it of another version?");

    private async Task<BundleRecord> KeepAsync(
        BundleRecord offered,
        Manifest should,
        string root,
        string tree,
        CancellationToken stop
    )
    {
        var found = await TreeReader.ReadAsync(range, root, stop);
        if (found.Digest != offered.Digest)
        {
            var lines = string.Join('\n', should.DifferencesTo(found, 10));
            throw new BundleException(
                $"What the server sent as {Name(offered)} is another tree, {found.Digest}, and is refused. It differs in:\n{lines}"
            );
        }
        await using (
            var gzip = new GZipStream(File.Create(Path.Combine(tree, "manifest.gz")), CompressionLevel.Fastest)
        )
            await gzip.WriteAsync(found.Text, stop);
        return offered with { Bytes = found.Bytes };
    }

    // The digest is of the tree, and does not cover its lock: that must be the one that the server named, and say what is
    // installed in the tree, which the digest does cover.
    private async Task<BundleLock> KeepLockAsync(
        BundleRecord offered,
        Manifest should,
        string work,
        string tree,
        CancellationToken stop
    )
    {
        var file = Path.Combine(work, "lock");
        await SaveAsync(offered, BundleSupplier.Lock, file, LockMost, null, stop);
        if (
            LockReader.Read("lock.json", await File.ReadAllTextAsync(file, stop))
                is not LockReading.Read { Lock: var read }
            || (read.Bundle, read.Digest) != (offered.Name, offered.LockDigest)
        )
            throw new BundleException(
                $"The server's lock of {Name(offered)} is not the one that it names: it is refused."
            );
        string[] otherwise = should.HasFile(Installed)
            ? [.. BundlePackage.DifferencesTo(read, Path.Combine(tree, "root", Installed))]
            : [$"- {Installed}"];
        if (otherwise.Length > 0)
            throw new BundleException(
                $"The server's lock of {Name(offered)} is refused: what is installed differs in:\n"
                    + string.Join('\n', otherwise)
            );
        File.Copy(file, Path.Combine(tree, "lock.json"));
        return read;
    }

    private async Task SaveAsync(
        BundleRecord offered,
        string part,
        string file,
        long most,
        Action<long>? progress,
        CancellationToken stop
    )
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                await using var gzip = await supplier.OpenAsync(offered.Digest, part, stop) is { } body
                    ? new GZipStream(body, CompressionMode.Decompress)
                    : throw new BundleException(
                        $"The server has the {part} of {Name(offered)} no more. Remedy: run the job again."
                    );
                await CopyAsync(gzip, file, most, progress, stop);
                if (part == BundleSupplier.Tree)
                    CheckEnd(file);
                return;
            }
            catch (Exception e) when (e is IOException or InvalidDataException && failures < Tries)
            {
                progress?.Invoke(0); // from its beginning: a tar that is made as it is sent has no other place
            }
            catch (Exception e) when (e is IOException or InvalidDataException)
            {
                throw new BundleException(
                    $"{Name(offered)} could not be fetched from the server, {Tries} times: {e.Message}",
                    e
                );
            }
        }
    }

    // A gzip that breaks off ends like any other for its reader, and so does a tar for tar.
    private static void CheckEnd(string tar)
    {
        Span<byte> end = stackalloc byte[1024];
        using var file = File.OpenHandle(tar);
        var length = RandomAccess.GetLength(file);
        if (
            length < end.Length
            || RandomAccess.Read(file, end, length - end.Length) < 1024
            || end.ContainsAnyExcept((byte)0)
        )
            throw new IOException("it broke off");
    }

    private async Task CopyAsync(Stream from, string file, long most, Action<long>? progress, CancellationToken stop)
    {
        await using var to = File.Create(file);
        File.SetUnixFileMode(file, (UnixFileMode)0x1A4); // 0644: for the range's root to read
        var room = new byte[1 << 17];
        for (var sum = 0L; ; )
        {
            using var limit = new CancellationTokenSource(Silence, time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
            int read;
            try
            {
                read = await from.ReadAsync(room, both.Token);
            }
            catch (OperationCanceledException e) when (!stop.IsCancellationRequested)
            {
                throw new IOException($"nothing came for {Silence.TotalSeconds:0} s", e);
            }
            if (read == 0)
                return;
            sum += read;
            if (sum > most)
                throw new BundleException($"The server sends more than {most} bytes for a bundle: it is refused.");
            await to.WriteAsync(room.AsMemory(0, read), stop);
            progress?.Invoke(sum);
        }
    }

    private void CheckSpace(BundleRecord offered)
    {
        // Archive and tree lie beside each other for a while.
        var (free, needed) = (new DriveInfo(options.RootPath).AvailableFreeSpace, 2 * offered.Bytes + (256L << 20));
        if (offered.Bytes > options.MaxBytes || free < needed)
            throw new BundleException(
                $"{Name(offered)} has {offered.Bytes >> 20} MB; {options.RootPath} has {free >> 20} MB free, of which it "
                    + $"may use {options.MaxBytes >> 20}. Remedy: make room, move the store (Bundles:RootPath), or raise "
                    + "Bundles:MaxBytes."
            );
    }

    private static string Name(BundleRecord offered) => $"bundle {offered.Name} {offered.Digest.Short}";

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9.+-]{0,63}\z")]
    private static partial Regex NameForm { get; }

    [GeneratedRegex(@"\A[a-z]{2,20}\z")]
    private static partial Regex SuiteForm { get; }
}
