using System.Security.Cryptography;
using System.Text;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Facts;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// The store's folders: <c>trees/DIGEST/{root,manifest.gz,bundle.json,facts.json,lease}</c>, <c>index/</c> from recipe to
/// digest, <c>tmp/</c> for builds in hand, <c>locks/</c>, <c>logs/</c>. A tree comes into being by one rename.
/// </summary>
internal sealed class BundleShelf(BundleOptions options, LockShelf locks, TimeProvider time)
{
    /// <summary>Holds what a bundle gives an application, beside its tree.</summary>
    public const string FactsFile = "facts.json";

    private readonly IdRange range = new(options.IdBase);

    public string Trees => Folder("trees");

    private string Index => Folder("index");

    private string Unfinished => Folder("tmp");

    /// <summary>Where builds in memory are: of this store alone, two on one machine do not sweep each other's.</summary>
    internal string InMemory =>
        Path.Combine(
            "/dev/shm",
            "testgrid-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(options.RootPath)))[..12]
        );

    public string LockOf(string recipe) => Path.Combine(Folder("locks"), recipe + ".lock");

    public string ProgressOf(string recipe) => Path.Combine(Folder("locks"), recipe + ".progress");

    public string LogOf(string recipe) => Path.Combine(Folder("logs"), recipe + ".log");

    public string FolderOf(BundleDigest digest) => Path.Combine(Trees, digest.Hex);

    public static string RootOf(string folder) => Path.Combine(folder, "root");

    /// <summary>Whether bundles can be put there by whoever we are: by its owner and by root.</summary>
    public bool IsWritable =>
        Posix.EffectiveUser() is var we
        && (we == 0 || Posix.Look(Encoding.UTF8.GetBytes(Path.GetDirectoryName(Trees) + '\0')).User == we);

    /// <summary>The bundle that was built for this recipe and its lock as they read now, in use; null when there is none.</summary>
    public BundleLease? TryLease(Recipe recipe) =>
        BundleRecord.Read(IndexFile(recipe)) is { } record && IsOf(recipe, record) ? TryLease(record) : null;

    /// <summary>Whether it is there.</summary>
    public bool Has(Recipe recipe)
    {
        using var lease = TryLease(recipe);
        return lease is not null;
    }

    /// <summary>The bundle that this became here once, in use: an image by its reference, an archive by its hash.</summary>
    public BundleLease? TryLeaseOf(string source) =>
        BundleRecord.Read(SourceFile(source)) is { } record ? TryLease(record.Digest) : null;

    /// <summary>Keeps in mind what this became.</summary>
    public void Remember(string source, BundleRecord record) => record.Write(SourceFile(source));

    private string SourceFile(string source) =>
        Path.Combine(Index, $"source-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(source)))}.json");

    public BundleLease? TryLease(BundleDigest digest) =>
        BundleRecord.Read(Path.Combine(FolderOf(digest), "bundle.json")) is { } record ? TryLease(record) : null;

    private BundleLease? TryLease(BundleRecord record)
    {
        var folder = FolderOf(record.Digest);
        var lease = Path.Combine(folder, "lease");
        if (FileLock.TryShare(lease) is not { } held)
            return null;
        // A cleaner renames first and deletes then: with the lock in hand, what stands here stays here.
        if (Directory.Exists(RootOf(folder)))
        {
            Touch(lease);
            return new BundleLease(new Bundle(record.Name, record.Digest, RootOf(folder), record.Suite), held);
        }
        held.Dispose();
        return null;
    }

    /// <summary>A folder for one build, held: whoever sweeps leaves it alone while we live.</summary>
    public (string Folder, FileStream Held) Begin(string recipe) => BeginIn(Unfinished, recipe);

    /// <summary>A folder for one build as <see cref="Begin"/>, on another file system: in memory, if that has the room; else null.</summary>
    public (string Folder, FileStream Held)? BeginInMemory(string recipe)
    {
        try
        {
            var memory = new DriveInfo(Path.GetDirectoryName(InMemory)!);
            if (memory.DriveFormat != "tmpfs" || memory.AvailableFreeSpace < options.FreeBytes)
                return null;
            Directory.CreateDirectory(InMemory, (UnixFileMode)0x1ED); // 0755: the range's root passes through
            return MemoryIsOurs ? BeginIn(InMemory, recipe) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // Anybody may have made that name, or a link of it, before us: what is another's is neither used nor looked into.
    private bool MemoryIsOurs
    {
        get
        {
            const int kind = 0xF000;
            const int folder = 0x4000;
            const int writtenByOthers = 0x12; // 0022
            if (!Path.Exists(InMemory))
                return false;
            var facts = Posix.Look(Encoding.UTF8.GetBytes(InMemory + '\0'));
            return facts.User == Posix.EffectiveUser() && (facts.Mode & (kind | writtenByOthers)) == folder;
        }
    }

    private static (string Folder, FileStream Held) BeginIn(string parent, string recipe)
    {
        var folder = Path.Combine(parent, $"{recipe}-{RandomNumberGenerator.GetHexString(12, lowercase: true)}");
        var held = FileLock.TryHold(folder + ".lock") ?? throw new BundleException($"{folder} is already in use.");
        Directory.CreateDirectory(folder);
        return (folder, held);
    }

    /// <summary>
    /// Makes a finished build the bundle of its recipe, if recipe and lock are still those that it was built for. A
    /// kill before, within or after leaves all or nothing.
    /// </summary>
    /// <param name="key">What recipe and lock were when the build began.</param>
    public void Publish(Recipe recipe, string key, string folder, BundleRecord record)
    {
        Keep(folder, record);
        // A lock that was replaced during the build is another bundle: whoever asks for it builds it.
        if (KeyOf(recipe) != key)
            return;
        // Read for every job, so without the list of packages. The key is what was asked for: a lock made here since
        // may be what was built.
        (record with { Packages = [], RecipeHash = key }).Write(IndexFile(recipe));
    }

    /// <summary>Makes a finished tree a bundle, of no recipe yet.</summary>
    public void Keep(string folder, BundleRecord record)
    {
        var target = FolderOf(record.Digest);
        if (Directory.Exists(target))
        {
            // The whole build came to the same as a draft before it: then the tree is no draft any more.
            if (!record.IsDraft && BundleRecord.Read(Path.Combine(target, "bundle.json")) is { IsDraft: true })
                record.Write(Path.Combine(target, "bundle.json"));
            return;
        }
        var tree = Path.Combine(folder, "tree");
        File.WriteAllText(
            Path.Combine(tree, FactsFile),
            FactsReader.OfBundle(RootOf(tree), record.Name, record.Digest)
        );
        Directory.Move(tree, target);
        Posix.SettleFolder(Trees);
    }

    public async Task RemoveUnfinishedAsync(string folder, FileStream held, CancellationToken stop)
    {
        await range.RemoveAsync(folder, stop);
        File.Delete(folder + ".lock");
        await held.DisposeAsync();
    }

    /// <summary>Removes what builds that were killed have left; those that are running are left alone.</summary>
    public async Task<int> SweepAsync(CancellationToken stop)
    {
        var swept = 0;
        foreach (var parent in MemoryIsOurs ? [Unfinished, InMemory] : new[] { Unfinished })
        {
            foreach (var folder in Directory.GetDirectories(parent))
            {
                if (FileLock.TryHold(folder + ".lock") is not { } held)
                    continue;
                await RemoveUnfinishedAsync(folder, held, stop);
                swept++;
            }
            FileLock.RemoveStray(parent);
        }
        return swept;
    }

    /// <summary>
    /// Removes bundles that nobody uses: long unused and of no recipe, or over the store's size, oldest first.
    /// </summary>
    public async Task<long> CleanAsync(RecipeBook recipes, CancellationToken stop)
    {
        var wanted = recipes
            .Names.Select(name => BundleRecord.Read(IndexFile(recipes.Find(name)!))?.Digest)
            .OfType<BundleDigest>()
            .Select(digest => digest.Hex)
            .ToHashSet();
        var all = Directory
            .GetDirectories(Trees)
            .Select(folder => (Folder: folder, Record: BundleRecord.Read(Path.Combine(folder, "bundle.json"))))
            .Select(tree => (tree.Folder, Bytes: tree.Record?.Bytes ?? 0, Used: LastUsed(tree.Folder)))
            .OrderBy(tree => tree.Used)
            .ToArray();
        var (sum, freed) = (all.Sum(tree => tree.Bytes), 0L);
        foreach (var (folder, bytes, used) in all)
        {
            var old = time.GetUtcNow() - used > options.KeepUnused && !wanted.Contains(Path.GetFileName(folder));
            if (!old && sum - freed <= options.MaxBytes)
                continue;
            if (await RemoveAsync(folder, stop))
                freed += bytes;
        }
        return freed;
    }

    private async Task<bool> RemoveAsync(string folder, CancellationToken stop)
    {
        using var alone = FileLock.TryHold(Path.Combine(folder, "lease"));
        if (alone is null)
            return false;
        TreeMounts.Remove(options.RootPath, Path.GetFileName(folder));
        var (doomed, held) = Begin("removed");
        Directory.Move(folder, Path.Combine(doomed, "tree"));
        await RemoveUnfinishedAsync(doomed, held, stop);
        return true;
    }

    private static DateTimeOffset LastUsed(string folder) =>
        new(File.GetLastWriteTimeUtc(Path.Combine(folder, "lease")), TimeSpan.Zero);

    /// <summary>What names a build of this recipe: itself, the lock beside it, and this version of the builder.</summary>
    // Where locks are promises, a tree of a lock that this machine made instead is not the bundle.
    private bool IsOf(Recipe recipe, BundleRecord record) =>
        record.RecipeHash == KeyOf(recipe)
        && (!options.KeepLocks || record.LockDigest == locks.DigestBeside(recipe.Name));

    public string KeyOf(Recipe recipe) => BuildKey.Of(recipe, locks.DigestBeside(recipe.Name));

    private string IndexFile(Recipe recipe) => Path.Combine(Index, $"{recipe.Name}-{KeyOf(recipe)[..16]}.json");

    private string Folder(string name)
    {
        var folder = Path.Combine(options.RootPath, name);
        if (Directory.Exists(folder))
            return folder;
        Directory.CreateDirectory(folder);
        // Whatever our umask: sandboxes, and other users' runners, pass through here.
        File.SetUnixFileMode(options.RootPath, (UnixFileMode)0x1ED);
        File.SetUnixFileMode(folder, (UnixFileMode)0x1ED);
        return folder;
    }

    private void Touch(string lease)
    {
        try
        {
            File.SetLastWriteTimeUtc(lease, time.GetUtcNow().UtcDateTime);
        }
        catch (UnauthorizedAccessException)
        {
            // A store of root's, used by another: its age is then its owner's business.
        }
    }
}
