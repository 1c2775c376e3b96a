using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Git;

/// <summary>
/// The folders: <c>mirrors/KEY/repo.git</c>, <c>trees/KEY/COMMIT/{tree,lease}</c>, <c>tmp/</c> for checkouts in hand,
/// <c>keys/</c> for the length of a fetch. A checkout comes into being by one rename. None of it is truth: all can be
/// fetched again.
/// </summary>
internal sealed class GitShelf(GitOptions options, TimeProvider time)
{
    private const string BootFile = "/proc/sys/kernel/random/boot_id";
    private const string Lease = "lease";

    private static readonly TimeSpan InUse = TimeSpan.FromHours(1);
    private static readonly EnumerationOptions Everything = new()
    {
        RecurseSubdirectories = true,
        AttributesToSkip = FileAttributes.ReparsePoint,
    };

    private string Mirrors => Folder("mirrors");

    private string Trees => Folder("trees");

    private string Unfinished => Folder("tmp");

    /// <summary>A repository's name on disk: a hash, so that no address is a path.</summary>
    public static string KeyOf(GitUrl url) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(url.Text)))[..24];

    public string MirrorOf(GitUrl url) =>
        Path.Combine(Directory.CreateDirectory(Path.Combine(Mirrors, KeyOf(url))).FullName, "repo.git");

    /// <summary>Held while the mirror is written; its time tells when it was last wanted.</summary>
    public Task<FileStream> LockAsync(GitUrl url, CancellationToken stop)
    {
        var file = Path.Combine(Path.GetDirectoryName(MirrorOf(url))!, "lock");
        return FileLock.HoldAsync(file, time, () => { }, stop);
    }

    public void Touch(GitUrl url)
    {
        var file = Path.Combine(Path.GetDirectoryName(MirrorOf(url))!, "used");
        File.WriteAllBytes(file, []);
        File.SetLastWriteTimeUtc(file, time.GetUtcNow().UtcDateTime);
    }

    /// <summary>The finished checkout in use, or null.</summary>
    public (string Tree, FileStream Held)? TryLease(string key)
    {
        var folder = Path.Combine(Trees, key);
        var lease = Path.Combine(folder, Lease);
        if (FileLock.TryShare(lease) is not { } held)
            return null;
        // A cleaner renames first and deletes then: with the lock in hand, what stands here stays here.
        var tree = Path.Combine(folder, "tree");
        if (Directory.Exists(tree))
        {
            File.SetLastWriteTimeUtc(lease, time.GetUtcNow().UtcDateTime);
            return (tree, held);
        }
        held.Dispose();
        return null;
    }

    /// <summary>A folder for one checkout, held: whoever sweeps leaves it alone while we live.</summary>
    public (string Folder, FileStream Held) Begin()
    {
        var folder = Path.Combine(Unfinished, RandomNumberGenerator.GetHexString(16, lowercase: true));
        var held = FileLock.TryHold(folder + ".lock") ?? throw new IOException($"{folder} is in use.");
        Directory.CreateDirectory(folder);
        return (folder, held);
    }

    /// <param name="bytes">What its files take, for the cleaning by size.</param>
    public void Publish(string folder, string key, long bytes)
    {
        File.WriteAllText(Path.Combine(folder, Lease), bytes.ToString(CultureInfo.InvariantCulture));
        var target = Path.Combine(Trees, key);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        if (!Directory.Exists(target))
            Directory.Move(folder, target);
    }

    public static void End(string folder, FileStream held)
    {
        Remove(folder);
        File.Delete(folder + ".lock");
        held.Dispose();
    }

    /// <summary>
    /// Removes what killed checkouts and fetches have left. After a power cut also all checkouts: they are renamed
    /// without waiting for the disk, so a tree from before may have empty files.
    /// </summary>
    public void Sweep()
    {
        foreach (var folder in Directory.GetDirectories(Unfinished))
        {
            if (FileLock.TryHold(folder + ".lock") is { } held)
                End(folder, held);
        }
        FileLock.RemoveStray(Unfinished);
        Remove(Path.Combine(options.RootPath, "keys"));
        var (seen, now) = (Path.Combine(Trees, "boot"), File.ReadAllText(BootFile));
        if (File.Exists(seen) && File.ReadAllText(seen) == now)
            return;
        foreach (var tree in AllTrees())
            TryRemoveTree(tree);
        File.WriteAllText(seen, now);
    }

    /// <summary>Removes checkouts and mirrors by age and size; what is in use is left. Returns how many.</summary>
    public async Task<int> CleanAsync(CancellationToken stop)
    {
        var removed = 0;
        var trees = AllTrees()
            .Select(tree => (Path: tree, Used: Used(Path.Combine(tree, Lease)), Bytes: BytesOf(tree)))
            .OrderBy(tree => tree.Used)
            .ToArray();
        var sum = trees.Sum(tree => tree.Bytes);
        foreach (var (path, used, bytes) in trees)
        {
            stop.ThrowIfCancellationRequested();
            if (time.GetUtcNow() - used <= options.KeepTrees && sum <= options.MaxTreesBytes)
                continue;
            if (!TryRemoveTree(path))
                continue;
            sum -= bytes;
            removed++;
        }
        var mirrors = Directory
            .GetDirectories(Mirrors)
            .Select(mirror => (Path: mirror, Used: UsedOf(mirror), Bytes: Size(mirror)))
            .OrderBy(mirror => mirror.Used)
            .ToArray();
        sum = mirrors.Sum(mirror => mirror.Bytes);
        foreach (var (path, used, bytes) in mirrors)
        {
            stop.ThrowIfCancellationRequested();
            var (idle, large) = (time.GetUtcNow() - used, sum > options.MaxMirrorsBytes);
            // A checkout reads its mirror without a lock. It says so when it begins, so a recent word is a use.
            if (idle <= InUse || (idle <= options.KeepMirrors && !large) || !TryRemoveMirror(path, used, large))
                continue;
            sum -= bytes;
            removed++;
        }
        return removed;
    }

    /// <summary>Removes a folder and all in it; links are removed, not followed.</summary>
    public static void Remove(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
        catch (IOException)
        {
            // Names that are no UTF-8 are beyond it, and a repository may have such.
            using var remove = System.Diagnostics.Process.Start("rm", ["-rf", "--one-file-system", "--", folder]);
            remove.WaitForExit();
        }
    }

    private IEnumerable<string> AllTrees() => Directory.GetDirectories(Trees).SelectMany(Directory.GetDirectories);

    private bool TryRemoveTree(string tree)
    {
        using var alone = FileLock.TryHold(Path.Combine(tree, Lease));
        if (alone is null)
            return false;
        var (doomed, held) = Begin();
        Directory.Move(tree, Path.Combine(doomed, "tree"));
        End(doomed, held);
        return true;
    }

    // A tree borrows its mirror's objects: as long as there is one, the mirror stays.
    private bool TryRemoveMirror(string mirror, DateTimeOffset used, bool withTrees)
    {
        var trees = Path.Combine(Trees, Path.GetFileName(mirror));
        string[] borrowers = Directory.Exists(trees) ? Directory.GetDirectories(trees) : [];
        if (borrowers.Length > 0 && !(withTrees && borrowers.All(TryRemoveTree)))
            return false;
        using var alone = FileLock.TryHold(Path.Combine(mirror, "lock"));
        if (alone is null || UsedOf(mirror) != used)
            return false; // somebody came meanwhile
        var (doomed, held) = Begin();
        Directory.Move(mirror, Path.Combine(doomed, "mirror"));
        End(doomed, held);
        return true;
    }

    private static DateTimeOffset UsedOf(string mirror) => Used(Path.Combine(mirror, "used"));

    private static long Size(string folder)
    {
        try
        {
            return new DirectoryInfo(folder).EnumerateFiles("*", Everything).Sum(file => file.Length);
        }
        catch (IOException)
        {
            return 0; // a fetch renames its files meanwhile: it counts in an hour
        }
    }

    private static DateTimeOffset Used(string file) =>
        File.Exists(file) ? new(File.GetLastWriteTimeUtc(file), TimeSpan.Zero) : DateTimeOffset.UnixEpoch;

    private static long BytesOf(string tree)
    {
        try
        {
            return long.Parse(File.ReadAllText(Path.Combine(tree, Lease)), CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            return 0;
        }
    }

    private string Folder(string name)
    {
        var root = Directory.CreateDirectory(options.RootPath);
        var folder = Path.Combine(root.FullName, name);
        if (Directory.Exists(folder))
            return folder;
        // Private repositories are nobody's business on this machine but the sandboxes', whose root has the range's
        // first id as its group.
        var isRoot = Posix.EffectiveUser() == 0;
        if (isRoot)
            Posix.GiveTo(root.FullName, 0, options.IdBase);
        File.SetUnixFileMode(root.FullName, (UnixFileMode)(isRoot ? 0x1E8 : 0x1C9)); // 0750, else 0711
        Directory.CreateDirectory(folder);
        File.SetUnixFileMode(folder, (UnixFileMode)0x1ED); // 0755
        return folder;
    }
}
