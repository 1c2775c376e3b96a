using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

public sealed partial class BundleStore
{
    /// <summary>
    /// Gives exactly this bundle of the recipe: from the store, else from the supplier, else by building the recipe, should
    /// that make the very same. Otherwise as <see cref="GetAsync"/>.
    /// </summary>
    /// <exception cref="BundleException">It cannot be had; the message says what mends it.</exception>
    public async ValueTask<BundleLease> GetExactlyAsync(
        string recipe,
        BundleDigest digest,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        if (await FindExactlyAsync(recipe, digest, progress, stop) is { } found)
            return found;
        // A server that cannot build has none to send: then the same lock makes the same bundle on each of its runners.
        var mine = recipes.Find(recipe) is null ? null : await GetAsync(recipe, progress, stop);
        return mine is null
            ? throw NotHere(recipe, digest)
            : await SameAsync(mine, digest, $"build it where the server is (sudo testgrid bundle build {recipe})");
    }

    /// <summary>Gives exactly this bundle, from the store, else from the supplier; null when neither has it.</summary>
    /// <param name="name">The recipe whose bundle it becomes, should that be one here; any other name is none.</param>
    public async ValueTask<BundleLease?> FindExactlyAsync(
        string name,
        BundleDigest digest,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        while (true)
        {
            if (shelf.TryLease(digest) is { } here)
                return here;
            if (fetch is null || await fetch.FindAsync(digest, stop) is not { } offered)
                return null;
            await FetchAsync(offered, recipes.Find(name), progress, stop);
        }
    }

    /// <summary>What was made here for a build that runs on this digest, if it is that.</summary>
    /// <param name="remedy">How the right one comes to be where the server is.</param>
    /// <exception cref="BundleException">It is another; it is let go.</exception>
    internal async ValueTask<BundleLease> SameAsync(BundleLease mine, BundleDigest digest, string remedy)
    {
        if (mine.Bundle.Digest == digest)
            return mine;
        await mine.DisposeAsync();
        throw new BundleException(
            $"This build runs on bundle {mine.Bundle.Name} {digest.Short}, which is not on this machine (its own is "
                + $"{mine.Bundle.Digest.Short}){OrServer}. Remedy: {remedy}, so that every runner gets that one; then run the "
                + "build again."
        );
    }

    /// <summary>What is said of a bundle that cannot be had.</summary>
    internal BundleException NotHere(string name, BundleDigest digest) =>
        new(
            $"This build runs on bundle {(name == digest.ToString() ? "" : name + " ")}{digest.Short}, which is not on this "
                + $"machine{OrServer}. Remedy: build or import it where the server is (sudo testgrid bundle build, or import), "
                + "so that every runner gets that one; then run the build again."
        );

    private string OrServer => fetch is null ? "" : ", and the server has it not either";
}
