using System.Collections.Immutable;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Layers;

/// <summary>
/// App layers beside the bundles: <c>layers/trees/DIGEST/{root,layer.json,lease,checked}</c> by content, <c>layers/keys/KEY.json</c>
/// by what they were made from, <c>layers/lanes/LANE.json</c> the last of each lane, <c>layers/tmp/</c> those in hand. A layer
/// comes into being by one rename. Called from many jobs, and many processes, at once.
/// </summary>
public sealed class LayerStore
{
    private readonly BundleOptions options;
    private readonly TimeProvider time;
    private readonly IdRange range;

    public LayerStore(IOptions<BundleOptions> options, TimeProvider time)
    {
        (this.options, this.time) = (options.Value, time);
        range = new IdRange(this.options.IdBase);
    }

    private string Trees => Folder("trees");

    private string Keys => Folder("keys");

    private string Lanes => Folder("lanes");

    private string Unfinished => Folder("tmp");

    /// <summary>The layer that was made from these, in use; null when there is none, or it is not what it was.</summary>
    public async ValueTask<LayerLease?> FindAsync(LayerInputs inputs, CancellationToken stop)
    {
        if (LayerRecord.Read(KeyFile(inputs)) is not { } record || TryLease(record) is not { } lease)
            return null;
        try
        {
            // Once after each start of the machine: nobody but us writes it, but disks are what they are.
            if (LayerMark.IsFresh(lease))
                return lease;
            if (await LayerArchive.DigestAsync(range, lease.RootPath, stop) == record.Digest)
            {
                LayerMark.Write(lease);
                return lease;
            }
        }
        catch (BundleException) { }
        catch
        {
            await lease.DisposeAsync();
            throw;
        }
        await lease.DisposeAsync();
        File.Delete(KeyFile(inputs));
        await RemoveAsync(FolderOf(record.Digest), stop);
        return null;
    }

    /// <summary>The last one of a lane, there or not: what a miss is compared with.</summary>
    public LayerRecord? LastOf(string lane) => LayerRecord.Read(Path.Combine(Lanes, lane + ".json"));

    /// <summary>
    /// Keeps a layer. A kill before, within or after leaves all or nothing; of two that are made from the same, one stays.
    /// </summary>
    /// <param name="draft">What is known of it, but digest, size and time.</param>
    /// <param name="save">Writes its tar; see <c>Sandbox.SaveLayerAsync</c>.</param>
    /// <param name="check">Looks at the tar, and throws <see cref="LayerException"/> when it shall not be kept.</param>
    /// <param name="stop">Ends it, and nothing is left.</param>
    /// <exception cref="LayerException">It is not kept; the message says why.</exception>
    public async Task<LayerRecord> KeepAsync(
        LayerRecord draft,
        Func<Stream, CancellationToken, ValueTask> save,
        Action<Stream> check,
        CancellationToken stop
    )
    {
        var folder = "";
        FileStream? held = null;
        try
        {
            await SweepAsync(stop);
            (folder, held) = Begin();
            var archive = Path.Combine(folder, "archive");
            var (digest, bytes) = await WriteAsync(archive, save, stop);
            using (var written = File.OpenRead(archive))
                await Task.Run(() => check(written), stop);
            await UnpackAsync(folder, archive, digest, stop);
            var record = draft with { Digest = digest, Bytes = bytes, Made = time.GetUtcNow() };
            Publish(record, folder);
            return record;
        }
        catch (Exception e) when (e is BundleException or IOException or UnauthorizedAccessException)
        {
            throw new LayerException(e.Message, e);
        }
        finally
        {
            if (held is not null)
                await RemoveUnfinishedAsync(folder, held, CancellationToken.None);
        }
    }

    /// <summary>All that are there, the newest first.</summary>
    public ImmutableArray<LayerRecord> List() =>
        !Directory.Exists(Path.Combine(options.RootPath, "layers"))
            ? []
            :
            [
                .. Directory
                    .GetDirectories(Trees)
                    .Select(folder => LayerRecord.Read(Path.Combine(folder, "layer.json")))
                    .OfType<LayerRecord>()
                    .OrderByDescending(record => record.Made),
            ];

    // What killed jobs have left half kept; what is in hand is left alone.
    private async Task SweepAsync(CancellationToken stop)
    {
        foreach (var folder in Directory.GetDirectories(Unfinished))
        {
            if (FileLock.TryHold(folder + ".lock") is { } held)
                await RemoveUnfinishedAsync(folder, held, stop);
        }
        FileLock.RemoveStray(Unfinished);
    }

    /// <summary>
    /// Removes what killed jobs have left, layers that were not used for <see cref="BundleOptions.KeepUnused"/>, or that are over
    /// <see cref="BundleOptions.LayersMaxBytes"/>, the least recently used first; none that is in use. Returns the bytes freed.
    /// </summary>
    public async ValueTask<long> CleanAsync(CancellationToken stop)
    {
        if (!Directory.Exists(Path.Combine(options.RootPath, "layers")))
            return 0;
        await SweepAsync(stop);
        var all = Directory
            .GetDirectories(Trees)
            .Select(folder => (Folder: folder, Bytes: LayerRecord.Read(Path.Combine(folder, "layer.json"))?.Bytes ?? 0))
            .Select(tree =>
                (tree.Folder, tree.Bytes, Used: File.GetLastWriteTimeUtc(Path.Combine(tree.Folder, "lease")))
            )
            .OrderBy(tree => tree.Used)
            .ToArray();
        var (sum, freed) = (all.Sum(tree => tree.Bytes), 0L);
        foreach (var (folder, bytes, used) in all)
        {
            var isOld = time.GetUtcNow().UtcDateTime - used > options.KeepUnused;
            if ((isOld || sum - freed > options.LayersMaxBytes) && await RemoveAsync(folder, stop))
                freed += bytes;
        }
        foreach (var file in Directory.GetFiles(Keys, "*.json"))
        {
            if (LayerRecord.Read(file) is not { } record || !Directory.Exists(FolderOf(record.Digest)))
                File.Delete(file);
        }
        foreach (var file in Directory.GetFiles(Lanes, "*.json"))
        {
            if (time.GetUtcNow().UtcDateTime - File.GetLastWriteTimeUtc(file) > options.KeepUnused)
                File.Delete(file);
        }
        return freed;
    }

    private LayerLease? TryLease(LayerRecord record)
    {
        var folder = FolderOf(record.Digest);
        var file = Path.Combine(folder, "lease");
        if (FileLock.TryShare(file) is not { } held)
            return null;
        // A cleaner renames first and deletes then: with the lock in hand, what stands here stays here.
        var root = Path.Combine(folder, "root");
        if (Directory.Exists(root))
        {
            File.SetLastWriteTimeUtc(file, time.GetUtcNow().UtcDateTime);
            return new LayerLease(record, root, held);
        }
        held.Dispose();
        return null;
    }

    private async Task<(BundleDigest Digest, long Bytes)> WriteAsync(
        string archive,
        Func<Stream, CancellationToken, ValueTask> save,
        CancellationToken stop
    )
    {
        using var hash = SHA256.Create();
        await using var file = File.Create(archive);
        File.SetUnixFileMode(archive, (UnixFileMode)0x1A4); // whatever our umask: the sandboxes' root reads it, nobody else comes here
        await using (var limited = new LimitedWriter(file, options.LayerMaxBytes))
        await using (var hashing = new CryptoStream(limited, hash, CryptoStreamMode.Write, leaveOpen: true))
        {
            await save(hashing, stop);
            await hashing.FlushFinalBlockAsync(stop);
        }
        return (BundleDigest.Of(hash.Hash), file.Length);
    }

    private async Task UnpackAsync(string folder, string archive, BundleDigest digest, CancellationToken stop)
    {
        var (tree, jail) = (Path.Combine(folder, "tree"), Path.Combine(folder, "jail"));
        var root = Path.Combine(tree, "root");
        foreach (var made in new[] { tree, root, jail })
            MakeFolder(made);
        await LayerArchive.UnpackAsync(range, archive, root, jail, stop);
        File.Delete(archive);
        // As it will be used: whether this file system holds all that a layer can have is known only now.
        if (await LayerArchive.DigestAsync(range, root, stop) != digest)
            throw new LayerException(
                $"{options.RootPath} does not hold it as it is: is it a file system with attributes?"
            );
    }

    private void Publish(LayerRecord record, string folder)
    {
        var (tree, target) = (Path.Combine(folder, "tree"), FolderOf(record.Digest));
        File.WriteAllText(Path.Combine(tree, "lease"), "");
        LayerMark.Write(tree);
        record.Write(Path.Combine(tree, "layer.json"));
        Posix.SettleFolder(tree);
        // Whoever was first with the same inputs has others that use it already.
        if (LayerRecord.Read(KeyFile(record.Inputs)) is { } first && Directory.Exists(FolderOf(first.Digest)))
            return;
        if (!Directory.Exists(target))
            Directory.Move(tree, target);
        Posix.SettleFolder(Trees);
        record.Write(KeyFile(record.Inputs));
        record.Write(Path.Combine(Lanes, record.Inputs.Lane + ".json"));
    }

    private (string Folder, FileStream Held) Begin()
    {
        if (new DriveInfo(Unfinished).AvailableFreeSpace is var free && free < options.FreeBytes)
            throw new LayerException($"only {free >> 20} MiB are free in {options.RootPath}");
        var folder = Path.Combine(Unfinished, RandomNumberGenerator.GetHexString(16, lowercase: true));
        var held = FileLock.TryHold(folder + ".lock") ?? throw new LayerException($"{folder} is already in use");
        MakeFolder(folder);
        return (folder, held);
    }

    private async Task<bool> RemoveAsync(string folder, CancellationToken stop)
    {
        using var alone = FileLock.TryHold(Path.Combine(folder, "lease"));
        if (alone is null)
            return false;
        var name = Path.Combine(Unfinished, RandomNumberGenerator.GetHexString(16, lowercase: true));
        var held = FileLock.TryHold(name + ".lock")!;
        Directory.Move(folder, name);
        await RemoveUnfinishedAsync(name, held, stop);
        return true;
    }

    private async Task RemoveUnfinishedAsync(string folder, FileStream held, CancellationToken stop)
    {
        if (Directory.Exists(folder))
            await range.RemoveAsync(folder, stop);
        File.Delete(folder + ".lock");
        await held.DisposeAsync();
    }

    // A job's own setuid programs lie in there, and mean an id of the sandboxes' range: only that range's root and we pass.
    private void MakeFolder(string path)
    {
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (Posix.EffectiveUser() == 0)
            Posix.GiveTo(path, options.IdBase, options.IdBase);
    }

    private string FolderOf(BundleDigest digest) => Path.Combine(Trees, digest.Hex);

    private string KeyFile(LayerInputs inputs) => Path.Combine(Keys, inputs.Key + ".json");

    private string Folder(string name)
    {
        var folder = Path.Combine(options.RootPath, "layers", name);
        if (Directory.Exists(folder))
            return folder;
        foreach (var made in new[] { options.RootPath, Path.Combine(options.RootPath, "layers"), folder })
        {
            if (!Directory.Exists(made))
                Directory.CreateDirectory(made);
            // Whatever our umask: the sandboxes' root passes through here, to what is its own.
            File.SetUnixFileMode(made, (UnixFileMode)0x1ED);
        }
        return folder;
    }
}
