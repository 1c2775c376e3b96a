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
    /// <param name="folder">An empty folder; gets <c>tree/</c> with what the store keeps.</param>
    /// <param name="log">Hears all the tools say, and tells how far it is.</param>
    public async Task<(BundleRecord Record, string? LockedAgain)> BuildAsync(
        Recipe recipe,
        string key,
        string folder,
        BuildLog log,
        CancellationToken stop
    )
    {
        var (beside, why) = Usable(recipe);
        if (beside is not null)
        {
            try
            {
                return (await builder.BuildAsync(recipe, beside, folder, log, stop), null);
            }
            catch (ForgottenPackagesException e) when (!options.KeepLocks)
            {
                why = $"{e.Packages.Length} of its packages are on no mirror any more, {e.Packages[0]} for one";
            }
        }
        if (locks.Own(key) is { } own)
        {
            try
            {
                return (await builder.BuildAsync(recipe, own, folder, log, stop), Told(own));
            }
            catch (ForgottenPackagesException)
            {
                // The mirrors have moved on since this machine locked it, too.
            }
        }
        log.Reach(1, "asking the mirror");
        var made = await maker.MakeAsync(recipe, beside, Path.Combine(folder, "work", "apt"), stop);
        var record = await builder.BuildAsync(recipe, made, folder, log, stop);
        locks.KeepOwn(key, made);
        return (record, Told(made));

        string Told(BundleLock used)
        {
            var changed = beside is null ? "" : $", {beside.ChangesTo(used).Length} packages are others now";
            var line = $"Bundle {recipe.Name} is built from a lock of this machine{changed}: {why}";
            log.Hear(line);
            return line;
        }
    }

    /// <summary>Builds from exactly this lock.</summary>
    public Task<BundleRecord> BuildAsync(
        Recipe recipe,
        BundleLock locked,
        string folder,
        BuildLog log,
        CancellationToken stop,
        bool elsewhere = false
    ) => builder.BuildAsync(recipe, locked, folder, log, stop, elsewhere);

    private (BundleLock? Lock, string Why) Usable(Recipe recipe)
    {
        try
        {
            var beside = locks.Beside(recipe.Name);
            if (beside is null)
                return (null, "its recipe has none");
            var why =
                beside.RecipeHash != recipe.ContentHash() ? "its lock is of another recipe"
                : beside.Architecture != LockMaker.Architecture ? $"its lock is for {beside.Architecture}"
                : null;
            if (why is null)
                return (beside, "");
            return options.KeepLocks
                ? throw new BundleException(
                    $"Bundle {recipe.Name} cannot be built: {why}. Remedy: testgrid bundle update {recipe.Name}"
                )
                : (null, why);
        }
        catch (BundleException e) when (!options.KeepLocks)
        {
            return (null, e.Message);
        }
    }
}
