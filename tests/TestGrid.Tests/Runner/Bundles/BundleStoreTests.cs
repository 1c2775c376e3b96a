using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

public sealed class BundleStoreTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_base_bundle_is_whole_and_named_by_its_content()
    {
        await using var lease = await TestBundles.BaseAsync(Stop);

        Assert.Equal("base", lease.Bundle.Name);
        Assert.Equal("bookworm", lease.Bundle.Suite);
        Assert.Empty(await TestBundles.Store.VerifyAsync(lease.Bundle.Digest, Stop));
        Assert.True(File.Exists(Path.Combine(lease.Bundle.RootPath, "usr/bin/git")));
        var record = Assert.Single(TestBundles.Store.List(), record => record.Digest == lease.Bundle.Digest);
        Assert.Contains(record.Packages, package => package is { Name: "bash", Sha256.Length: 64 });
    }
}
