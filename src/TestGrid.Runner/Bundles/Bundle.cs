using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>A bundle in this runner's store, whole and ready to be the lower layer of sandboxes.</summary>
/// <param name="Name">Its recipe's name: <c>base</c>.</param>
/// <param name="Digest">Its content's name.</param>
/// <param name="RootPath">The tree, owned by the sandbox's id range.</param>
/// <param name="Suite">The Debian suite it was made of: <c>bookworm</c>; or <see cref="Unlocked"/>.</param>
public sealed record Bundle(string Name, BundleDigest Digest, string RootPath, string Suite)
{
    /// <summary>What stands for the suite of a bundle that was taken from others: nobody can say what it was built from.</summary>
    public const string Unlocked = "unlocked";

    public bool IsUnlocked => Suite == Unlocked;
}
