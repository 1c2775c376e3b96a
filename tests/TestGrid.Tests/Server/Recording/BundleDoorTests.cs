using System.Net;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Http;
using TestGrid.Tests.Server.Support;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Server.Recording;

/// <summary>A real bundle over real HTTP, from a server to a runner that has none.</summary>
public sealed class BundleDoorTests : IAsyncLifetime
{
    private readonly TempFolder folder = new();
    private TestServer server = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => server = await TestServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        folder.Dispose();
    }

    [Fact, Trait("Slow", "true")]
    public async Task A_runner_with_no_bundle_gets_the_servers_and_it_is_the_same_tree()
    {
        await using var there = await TestBundles.BaseAsync(Stop);
        await using var remote = await RemoteSide.ConnectAsync(server);
        // With no recipe at all: it can build nothing, so what it has it was sent.
        var store = TestBundles.StoreAt(
            Path.Combine(folder.Path, "bundles"),
            Directory.CreateDirectory(Path.Combine(folder.Path, "recipes")).FullName,
            supplier: HttpBundles.From(remote.Link)
        );

        await using (var here = await store.GetAsync("base", new Progress<BundleProgress>(), Stop))
        {
            Assert.Equal(there.Bundle.Digest, here.Bundle.Digest);
            Assert.Empty(await store.VerifyAsync(here.Bundle.Digest, Stop));
            var (mine, theirs) = (store.List().Single(), TestBundles.Store.RecordOf(here.Bundle.Digest)!);
            var folder = Path.Combine(here.Bundle.RootPath, "..");
            Assert.Equal(theirs.LockDigest, LockShelf.Of(folder).Digest);
            Assert.Equal((mine.LockDigest, mine.Packages.Length), (theirs.LockDigest, theirs.Packages.Length));
        }
    }

    [Fact]
    public async Task Only_a_runners_token_fetches_and_what_is_not_there_is_not_built()
    {
        await using var there = await TestBundles.BaseAsync(Stop);
        var path = $"/api/v1/runner/bundles/{there.Bundle.Digest}/{BundleSupplier.Manifest}";
        using var stranger = await server.Stranger.GetAsync(path, Stop);
        using var person = await server.Admin.GetAsync(path, Stop);
        await using var remote = await RemoteSide.ConnectAsync(server);
        var supplier = HttpBundles.From(remote.Link);
        await using var manifest = await supplier.OpenAsync(there.Bundle.Digest, BundleSupplier.Manifest, Stop);

        Assert.Equal(HttpStatusCode.Unauthorized, stranger.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, person.StatusCode);
        Assert.NotNull(manifest);
        Assert.Equal(there.Bundle.Digest, (await supplier.AskAsync("base", Stop))!.Digest);
        Assert.Equal("base", (await supplier.FindAsync(there.Bundle.Digest, Stop))!.Name);
        Assert.Null(await supplier.FindAsync(BundleDigest.Of(new byte[32]), Stop));
        Assert.Null(await supplier.AskAsync("nothing", Stop));
        Assert.Null(await supplier.AskAsync("../base", Stop));
        Assert.Null(await supplier.OpenAsync(BundleDigest.Of(new byte[32]), BundleSupplier.Tree, Stop));
        Assert.Null(await supplier.OpenAsync(there.Bundle.Digest, "bundle.json", Stop));
    }
}
