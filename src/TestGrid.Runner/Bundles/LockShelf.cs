using System.Collections.Concurrent;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Which lock a recipe is built from: the one that lies beside it, else the one that this machine made. A shipped lock
/// grows old while its packages leave the mirrors; then this machine locks the recipe again, and keeps that lock.
/// </summary>
internal sealed class LockShelf(BundleOptions options)
{
    private readonly ConcurrentDictionary<string, (DateTime Written, string Digest)> digests = new();

    /// <summary>The lock's file beside its recipe.</summary>
    public string FileOf(string recipe) => Path.Combine(options.RecipesPath, recipe, "lock.json");

    /// <summary>The lock beside the recipe; null when there is none.</summary>
    /// <exception cref="BundleException">It has problems; each is named with its line.</exception>
    public BundleLock? Beside(string recipe) => ReadFile(FileOf(recipe), Path.Combine(recipe, "lock.json"));

    /// <summary>The digest of the lock beside the recipe; empty when there is none that can be used.</summary>
    public string DigestBeside(string recipe)
    {
        // Asked for every job: the file is read again only when it was written again.
        var written = File.GetLastWriteTimeUtc(FileOf(recipe));
        if (digests.TryGetValue(recipe, out var known) && known.Written == written)
            return known.Digest;
        var digest = Look();
        digests[recipe] = (written, digest);
        return digest;

        string Look()
        {
            try
            {
                return Beside(recipe)?.Digest ?? "";
            }
            catch (BundleException)
            {
                return ""; // whoever builds says what is wrong with it
            }
        }
    }

    /// <summary>The lock that a finished tree was built from.</summary>
    public static BundleLock Of(string folder) =>
        ReadFile(Path.Combine(folder, "lock.json"), Path.Combine(folder, "lock.json"))
        ?? throw new BundleException($"{folder} was built by an older version and has no lock.");

    /// <summary>The lock that this machine made for a build of this key; null when there is none.</summary>
    public BundleLock? Own(string key) => ReadFile(OwnFile(key), OwnFile(key));

    public void KeepOwn(string key, BundleLock made) => Write(OwnFile(key), made);

    /// <summary>Replaces the lock beside the recipe.</summary>
    public void WriteBeside(BundleLock made) => Write(FileOf(made.Bundle), made);

    /// <summary>Every lock there is, those that cannot be read left out.</summary>
    public IEnumerable<BundleLock> All(IEnumerable<string> recipes)
    {
        var own = Path.Combine(options.RootPath, "locked");
        return recipes
            .Select(FileOf)
            .Concat(Directory.Exists(own) ? Directory.GetFiles(own, "*.json") : [])
            .Where(File.Exists)
            .Select(file => LockReader.Read(file, File.ReadAllText(file)))
            .OfType<LockReading.Read>()
            .Select(reading => reading.Lock);
    }

    private string OwnFile(string key) => Path.Combine(options.RootPath, "locked", key + ".json");

    private static BundleLock? ReadFile(string path, string shown)
    {
        if (!File.Exists(path))
            return null;
        return LockReader.Read(shown, File.ReadAllText(path)) switch
        {
            LockReading.Read { Lock: var read } => read,
            LockReading.Refused { Problems: var problems } => throw new BundleException(
                $"A lock has problems:\n{string.Join('\n', problems.Take(10))}"
            ),
            _ => null,
        };
    }

    private static void Write(string file, BundleLock made)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var beside = $"{file}.{Path.GetRandomFileName()}";
        File.WriteAllText(beside, made.Text());
        File.Move(beside, file, overwrite: true);
    }
}
