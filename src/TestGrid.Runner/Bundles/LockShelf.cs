using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
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
    public string FileOf(string recipe) =>
        options.RecipeFile is { } file
            ? OwnRecipe.LockOf(file)
            : Path.Combine(options.RecipesPath, recipe, "lock.json");

    /// <summary>The lock beside the recipe; null when there is none.</summary>
    /// <exception cref="BundleException">It has problems; each is named with its line.</exception>
    public BundleLock? Beside(string recipe) =>
        ReadFile(FileOf(recipe), Path.Combine(recipe, "lock.json")) is not { } read ? null
        : read.Bundle == recipe ? read
        : throw new BundleException(
            $"{Path.Combine(recipe, "lock.json")} is the lock of bundle '{read.Bundle}'. "
                + $"Remedy: testgrid bundle update {recipe}"
        );

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
                // Not as if there were none: whoever builds says what is wrong with it.
                return "broken " + Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(FileOf(recipe))));
            }
        }
    }

    /// <summary>The lock that a finished tree was built from.</summary>
    public static BundleLock Of(string folder) =>
        ReadFile(Path.Combine(folder, "lock.json"), Path.Combine(folder, "lock.json"))
        ?? throw new BundleException(
            $"{folder} has no lock, so nobody can say what it was built from: an older version built it, here or on the "
                + "server that sent it. Remedy: a new build, where it was built."
        );

    /// <summary>The lock that this machine made for a build of this key; null when there is none that can be read.</summary>
    public BundleLock? Own(string key)
    {
        try
        {
            return ReadFile(OwnFile(key), OwnFile(key));
        }
        catch (BundleException)
        {
            return null; // nobody's promise: it is made again
        }
    }

    public void KeepOwn(string key, BundleLock made) => Write(OwnFile(key), made);

    /// <summary>Replaces the lock beside the recipe.</summary>
    public void WriteBeside(BundleLock made) => Write(FileOf(made.Bundle), made);

    /// <summary>Every lock there is: beside recipes, of this machine, and of the trees that were built.</summary>
    /// <returns>False when one of them cannot be read.</returns>
    public bool TryReadAll(string trees, out IReadOnlyList<BundleLock> all)
    {
        var files = new[] { options.RecipesPath, trees }
            .Where(Directory.Exists)
            .SelectMany(Directory.GetDirectories)
            .Select(folder => Path.Combine(folder, "lock.json"))
            .Concat(Directory.Exists(OwnFolder) ? Directory.GetFiles(OwnFolder, "*.json") : []);
        var read = new List<BundleLock>();
        all = read;
        try
        {
            foreach (var file in files)
            {
                if (ReadFile(file, file) is { } one)
                    read.Add(one);
            }
            return true;
        }
        catch (Exception e) when (e is BundleException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private string OwnFolder => Path.Combine(options.RootPath, "locked");

    private string OwnFile(string key) => Path.Combine(OwnFolder, key + ".json");

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
        using (var stream = File.Create(beside))
        {
            stream.Write(Encoding.UTF8.GetBytes(made.Text()));
            stream.Flush(flushToDisk: true);
        }
        File.Move(beside, file, overwrite: true);
    }
}
