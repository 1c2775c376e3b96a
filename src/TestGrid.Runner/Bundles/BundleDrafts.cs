using System.Collections.Immutable;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Makes drafts: the last bundle of a recipe with the packages that the recipe has got since, in seconds. A draft is known
/// by its digest alone; no recipe's jobs run in it, and it is not given away.
/// </summary>
public sealed class BundleDrafts
{
    private readonly BundleOptions options;
    private readonly BundleShelf shelf;
    private readonly LockShelf locks;
    private readonly LockMaker maker;
    private readonly BundleBuilder builder;

    public BundleDrafts(IOptions<BundleOptions> options, AptSources sources, TimeProvider time)
    {
        this.options = options.Value;
        locks = new LockShelf(this.options);
        shelf = new BundleShelf(this.options, locks, time);
        var pool = new PackagePool(this.options, sources, time);
        var tools = new ToolSource(this.options, pool);
        maker = new LockMaker(sources, tools);
        builder = new BundleBuilder(pool, tools, this.options, time);
    }

    /// <param name="recipe">Complete with its parents'.</param>
    /// <param name="last">The recipe's bundles that are here, the newest first.</param>
    /// <param name="progress">Hears how far it is.</param>
    /// <param name="stop">Ends it; nothing is left.</param>
    /// <exception cref="BundleException">More than packages was added; the message says what.</exception>
    internal async Task<BundleRecord> MakeAsync(
        Recipe recipe,
        IEnumerable<BundleRecord> last,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        if (!shelf.IsWritable)
            throw new BundleException($"Only its owner can build into {options.RootPath}.");
        var from =
            last.FirstOrDefault(one => !one.IsDraft && one.LockDigest.Length > 0)
            ?? throw new BundleException(
                $"There is no bundle {recipe.Name} to make a draft upon. Remedy: testgrid bundle build {recipe.Name}"
            );
        await using var lease =
            shelf.TryLease(from.Digest) ?? throw new BundleException($"Bundle {from.Digest.Short} is no longer here.");
        var (folder, held) = shelf.Begin(recipe.Name);
        try
        {
            var before = LockShelf.Of(shelf.FolderOf(from.Digest));
            var locked = await LockAsync(recipe, before, Path.Combine(folder, "work", "apt"), stop);
            var upon = new DraftBase(lease.Bundle.RootPath, Added(recipe, before, locked));
            CheckUsers(recipe, upon.Root);
            await using var file = new StreamWriter(shelf.LogOf(recipe.Name));
            var log = new BuildLog(recipe.Name, TextWriter.Synchronized(file), progress);
            var made = await builder.BuildAsync(recipe, locked, folder, log, stop, upon: upon);
            shelf.Keep(folder, made);
            return made;
        }
        finally
        {
            await shelf.RemoveUnfinishedAsync(folder, held, CancellationToken.None);
        }
    }

    // The lock beside the recipe if it is of this recipe; else one of today, with what is there already as it is.
    private async Task<BundleLock> LockAsync(Recipe recipe, BundleLock before, string folder, CancellationToken stop)
    {
        if (locks.Beside(recipe.Name) is { } beside && beside.RecipeHash == recipe.ContentHash())
            return beside;
        var today = await maker.MakeAsync(recipe, before, folder, stop);
        var known = before.Packages.Select(package => package.Name).ToHashSet(StringComparer.Ordinal);
        var added = today.Packages.Where(package => !known.Contains(package.Name));
        return today with { Packages = BundleLock.InOrder(before.Packages.Concat(added)) };
    }

    private static ImmutableArray<LockedPackage> Added(Recipe recipe, BundleLock before, BundleLock locked)
    {
        var added = locked.Packages.Except(before.Packages).ToImmutableArray();
        var gone = before.Packages.Except(locked.Packages).Select(package => $"{package}").ToArray();
        var why =
            gone.Length > 0 ? $"{gone.Length} others went or changed, {gone[0]} for one"
            : !locked.Tools.SequenceEqual(before.Tools) ? "its tools changed"
            : recipe.Setup.Length > 0 ? "it has a setup:, which is not run twice"
            : added.IsEmpty ? "nothing was added"
            : null;
        return why is null ? added : throw Whole(recipe, why);
    }

    private static void CheckUsers(Recipe recipe, string root)
    {
        var users = File.ReadLines(Path.Combine(root, "etc/passwd")).Select(line => line.Split(':')[0]).ToHashSet();
        if (recipe.Users.FirstOrDefault(user => !users.Contains(user.Name)) is { } other)
            throw Whole(recipe, $"its user {other.Name} is not in the last one");
    }

    private static BundleException Whole(Recipe recipe, string why) =>
        new(
            $"No draft of {recipe.Name}: a draft only adds packages, and {why}. Remedy: testgrid bundle build {recipe.Name}"
        );
}
