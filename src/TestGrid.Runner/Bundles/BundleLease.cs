namespace TestGrid.Runner.Bundles;

/// <summary>A bundle in use: until this is disposed, or its process dies, the bundle is not cleaned away.</summary>
public sealed class BundleLease : IAsyncDisposable, IDisposable
{
    private readonly FileStream held;

    internal BundleLease(Bundle bundle, FileStream held) => (Bundle, this.held) = (bundle, held);

    public Bundle Bundle { get; }

    /// <summary>The same lease, of the tree as it is shown elsewhere: one of both is disposed.</summary>
    internal BundleLease At(string root) => new(Bundle with { RootPath = root }, held);

    public ValueTask DisposeAsync() => held.DisposeAsync();

    public void Dispose() => held.Dispose();
}
