using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Bundles of recipes that repositories keep, each with its lock beside it: there already, or built now from exactly that
/// lock. A lock that is missing or stale is an error; it is never made, nor replaced, behind its owner's back.
/// </summary>
public sealed class OwnBundles(
    IOptions<BundleOptions> options,
    AptSources mirrors,
    TimeProvider time,
    ILogger<BundleStore> log
)
{
    private const long MostRecipe = 1 << 20;
    private const long MostLock = 8 << 20;

    private readonly KeptSources sources = new(options.Value, time);

    /// <summary>What is wrong with a repository's recipe and its lock, in sentences; null when nothing is.</summary>
    /// <param name="path">The recipe's file in the repository.</param>
    /// <param name="recipe">What stands in it.</param>
    /// <param name="locked">What stands in its lock; null where there is none.</param>
    public string? ProblemOf(string path, string recipe, string? locked)
    {
        OwnRecipe.Read(path, recipe, locked, BundleLocks.ReadRecipes(options.Value.RecipesPath), null, out var problem);
        return problem;
    }

    /// <summary>The bundle of a recipe in a checkout.</summary>
    /// <param name="checkout">Its folder, of a stranger's making.</param>
    /// <exception cref="BundleException">It cannot be had; the message says what mends it.</exception>
    public async ValueTask<BundleLease> GetAsync(
        string checkout,
        BundleForm.Own form,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        var recipe = await ReadAsync(checkout, form.Path, MostRecipe, stop) ?? throw Missing(form.Path);
        var locked = await ReadAsync(checkout, form.LockPath, MostLock, stop);
        var own =
            OwnRecipe.Read(
                form.Path,
                recipe,
                locked,
                BundleLocks.ReadRecipes(options.Value.RecipesPath),
                LockMaker.Architecture,
                out var problem
            ) ?? throw new BundleException(problem!);
        return await sources.GetAsync(
            $"recipe\n{BuildKey.Of(own.Recipe, own.Lock.Digest)}",
            (heard, end) => BuildAsync(own.Recipe.Name, recipe, locked!, heard, end),
            keep: true,
            progress,
            stop
        );
    }

    // From files of our own: the checkout goes with its job, and others may wait for the build.
    private async Task<BundleRecord> BuildAsync(
        string name,
        string recipe,
        string locked,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        var shelf = new BundleShelf(options.Value, new LockShelf(options.Value), time);
        var (folder, held) = shelf.Begin("recipe");
        try
        {
            var file = Path.Combine(folder, "recipe.yml");
            await File.WriteAllTextAsync(file, recipe, stop);
            await File.WriteAllTextAsync(OwnRecipe.LockOf(file), locked, stop);
            var settings = Options.Create(options.Value.ForOwn(null, file, isStrangers: true));
            var store = new BundleStore(settings, mirrors, time, log);
            await using var lease = await store.GetAsync(name, progress, stop);
            return store.RecordOf(lease.Bundle.Digest)
                ?? throw new BundleException($"Bundle {name} was removed while it was taken into use.");
        }
        finally
        {
            await shelf.RemoveUnfinishedAsync(folder, held, CancellationToken.None);
        }
    }

    private static async Task<string?> ReadAsync(string checkout, string path, long most, CancellationToken stop)
    {
        if (!File.Exists(Path.Combine(checkout, path)))
            return null;
        var file = new FileInfo(CheckoutPath.Of(checkout, path));
        if (file.Length > most)
            throw new BundleException($"{path} in the repository has {file.Length >> 10} KiB; {most >> 10} are read.");
        return await File.ReadAllTextAsync(file.FullName, Encoding.UTF8, stop);
    }

    private static BundleException Missing(string path) =>
        new($"There is no {path} in the repository at this commit, which bundle: means.");
}
