namespace TestGrid.Tests.Support;

/// <summary>One daemon for the tests of a collection, or of a class.</summary>
public sealed class TestDocker : LocalDocker, IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await StartAsync(TestContext.Current.CancellationToken);
}
