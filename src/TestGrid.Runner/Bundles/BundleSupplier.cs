using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>Where finished bundles may be had when this machine has none: a remote runner's server. It is a stranger.</summary>
/// <param name="AskAsync">What it has for a recipe's name; null when it has nothing. It waits while it is away.</param>
/// <param name="FindAsync">What it says of the bundle with this digest; null when it has none. It waits likewise.</param>
/// <param name="OpenAsync">
/// A part of a bundle as gzip: <see cref="Manifest"/>, <see cref="Tree"/> or <see cref="Lock"/>; null when it is gone. Reading it may fail
/// with an <see cref="IOException"/>, and is then worth another try.
/// </param>
public sealed record BundleSupplier(
    Func<string, CancellationToken, ValueTask<BundleRecord?>> AskAsync,
    Func<BundleDigest, CancellationToken, ValueTask<BundleRecord?>> FindAsync,
    Func<BundleDigest, string, CancellationToken, ValueTask<Stream?>> OpenAsync
)
{
    /// <summary>The manifest's text.</summary>
    public const string Manifest = "manifest";

    /// <summary>The tree as a tar.</summary>
    public const string Tree = "tree";

    /// <summary>The lock that the tree was built from.</summary>
    public const string Lock = "lock";
}
