using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Builds a recipe from the right lock. What the mirrors have forgotten must not keep a fresh machine from starting:
/// a shipped recipe is then locked again, here, and whoever waits is told in one line. A project's own lock is a
/// promise: it is never replaced behind its back.
/// </summary>
internal sealed class LockedBuild(BundleBuilder builder, LockMaker maker, LockShelf locks, BundleOptions options)
{
    /// <param name="recipe">Complete with its parents'.</param>
    /// <param name="key">Names the build; locks that are made here are kept under it.</param>
    /// <param name="anew">Whether to lock again what the mirror has today.</param>
    /// <param name="folder">An empty folder; gets <c>tree/</c> with what the store keeps.</param>
    /// <param name="log">Hears all the tools say, and tells how far it is.</param>
    public async Task<(BundleRecord Record, string? LockedAgain)> BuildAsync(
        Recipe recipe,
        string key,
        bool anew,
        string folder,
        BuildLog log,
        CancellationToken stop
    )
    {
        var (beside, why) = Usable(recipe);
        var found = anew ? null : beside ?? locks.Own(key);
        try
        {
            if (found is not null)
                return (await builder.BuildAsync(recipe, found, folder, log, stop), null);
        }
        catch (ForgottenPackagesException e) when (!options.KeepLocks)
        {
            why = $"{e.Packages.Length} of its packages are on no mirror any more, {e.Packages[0]} for one";
        }
        log.Reach(1, "asking the mirror");
        var made = await maker.MakeAsync(recipe, Path.Combine(folder, "work", "apt"), stop);
        var record = await builder.BuildAsync(recipe, made, folder, log, stop);
        locks.KeepOwn(key, made);
        if (why is null || anew)
            return (record, null);
        var changed = found is null ? "" : $", {found.ChangesTo(made).Length} packages are others now";
        var line = $"Bundle {recipe.Name} was locked again on this machine{changed}: {why}";
        log.Hear(line);
        return (record, line);
    }

    /// <summary>Builds from exactly this lock.</summary>
    public Task<BundleRecord> BuildAsync(
        Recipe recipe,
        BundleLock locked,
        string folder,
        BuildLog log,
        CancellationToken stop
    ) => builder.BuildAsync(recipe, locked, folder, log, stop);

    private (BundleLock? Lock, string? Why) Usable(Recipe recipe)
    {
        try
        {
            var beside = locks.Beside(recipe.Name);
            if (beside is null)
                return (null, null);
            var why =
                beside.RecipeHash != recipe.ContentHash() ? "the lock is older than the recipe"
                : beside.Architecture != LockMaker.Architecture ? $"the lock is for {beside.Architecture}"
                : null;
            if (why is null)
                return (beside, null);
            return options.KeepLocks
                ? throw new BundleException(
                    $"Bundle {recipe.Name} cannot be built: {why}. Remedy: testgrid bundle lock {recipe.Name}"
                )
                : (null, why);
        }
        catch (BundleException e) when (!options.KeepLocks)
        {
            return (null, e.Message);
        }
    }
}
