using System.Collections.Immutable;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Endings;
using TestGrid.Runner.Git;
using TestGrid.Runner.Reporting;
using TestGrid.Tests.Server.Support;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner;

/// <summary>Which bundle a job gets by what its configuration names.</summary>
public sealed class JobBundlesTests : IDisposable
{
    private static readonly TestImage Small = TestImage.Of(("etc/a", "1"));

    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Checkout => Directory.CreateDirectory(Path.Combine(folder.Path, "checkout")).FullName;

    [Fact]
    public async Task A_layout_in_the_repository_is_taken_in_and_can_then_be_named_by_its_digest()
    {
        Small.WriteLayout(Directory.CreateDirectory(Path.Combine(Checkout, "ci", "image")).FullName);

        await using var bundle = await GetAsync("oci:ci/image");

        Assert.Equal(("image", true), (bundle.Bundle.Name, bundle.Bundle.IsUnlocked));
        await using var same = await GetAsync(bundle.Bundle.Digest.ToString());
        Assert.Equal(bundle.Bundle.Digest, same.Bundle.Digest);
        await using var known = await GetAsync("oci:ci/image", bundle.Bundle.Digest);
        Assert.Equal(bundle.Bundle.Digest, known.Bundle.Digest);
    }

    [Fact]
    public async Task A_build_that_runs_on_another_digest_gets_that_or_none()
    {
        Small.WriteLayout(Directory.CreateDirectory(Path.Combine(Checkout, "image")).FullName);
        var other = BundleDigest.Of(new byte[32]);

        Assert.Contains(
            $"This build runs on bundle image {other.Short}, which is not on this machine (its own is",
            await RefusedAsync("oci:image", other),
            StringComparison.Ordinal
        );
        Assert.Contains(
            $"This build runs on bundle {other.Short}, which is not on this machine. Remedy: build or import it",
            await RefusedAsync(other.ToString()),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_recipe_of_the_repository_is_built_from_the_lock_beside_it_and_from_no_other()
    {
        var shipped = Path.Combine(AppContext.BaseDirectory, "runner-images", "run-tools");
        var (recipe, locked) = (Path.Combine(Checkout, "own.yml"), Path.Combine(Checkout, "own.lock.json"));
        File.Copy(Path.Combine(shipped, "recipe.yml"), recipe);
        var cache = new BundleOptions { RootPath = Path.Combine(TestBundles.CachePath, "bundles") };

        Assert.Contains(
            "own.yml has no lock, own.lock.json, beside it",
            await RefusedAsync("own.yml", options: cache),
            StringComparison.Ordinal
        );
        File.CreateSymbolicLink(locked, Path.Combine(shipped, "lock.json"));
        Assert.Contains(
            "own.lock.json in the repository is a link",
            await RefusedAsync("own.yml", options: cache),
            StringComparison.Ordinal
        );
        File.Delete(locked);
        File.Copy(Path.Combine(shipped, "lock.json"), locked);

        // The very same recipe and lock as the shipped one's: so is the bundle, which is there already.
        await using var known = await TestBundles.Store.GetAsync("run-tools", new Progress<BundleProgress>(), Stop);
        await using var bundle = await GetAsync("own.yml", options: cache);
        Assert.Equal((known.Bundle.Digest, false), (bundle.Bundle.Digest, bundle.Bundle.IsUnlocked));

        await File.AppendAllTextAsync(recipe, "users: [{ name: other, uid: 3000 }]\n", Stop);
        Assert.Contains(
            "own.lock.json is stale",
            await RefusedAsync("own.yml", options: cache),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("a link", "image in the repository is a link")]
    [InlineData("a folder that is a link", "through in the repository is a link")]
    [InlineData("an index that is a link", "index.json in the repository is a link")]
    [InlineData("nothing", "There is no image in the repository at this commit")]
    public async Task A_checkout_that_leads_elsewhere_is_not_followed(string trick, string reason)
    {
        var outside = Directory.CreateDirectory(Path.Combine(folder.Path, "outside", "image")).FullName;
        Small.WriteLayout(outside);
        var (name, inside) = ("oci:image", Path.Combine(Checkout, "image"));
        switch (trick)
        {
            case "a link":
                Directory.CreateSymbolicLink(inside, outside);
                break;
            case "a folder that is a link":
                Directory.CreateSymbolicLink(Path.Combine(Checkout, "through"), Path.GetDirectoryName(outside)!);
                name = "oci:through/image";
                break;
            case "an index that is a link":
                Directory.CreateDirectory(inside);
                File.CreateSymbolicLink(Path.Combine(inside, "index.json"), Path.Combine(outside, "index.json"));
                break;
        }

        Assert.Contains(reason, await RefusedAsync(name), StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private async Task<string> RefusedAsync(string name, BundleDigest? known = null, BundleOptions? options = null) =>
        (
            await Assert.ThrowsAsync<BundleException>(async () =>
            {
                await using var bundle = await GetAsync(name, known, options);
            })
        ).Message;

    private async Task<BundleLease> GetAsync(string name, BundleDigest? known = null, BundleOptions? options = null)
    {
        options ??= new BundleOptions
        {
            RootPath = Directory.CreateDirectory(Path.Combine(folder.Path, "store")).FullName,
            MaxBytes = 64L << 20,
            FreeBytes = 0,
        };
        var order = Some.Order(1);
        using var ending = new Ending(order.Limits, TimeProvider.System, Stop);
        using var reporter = new TerminalReporter(
            TextWriter.Null,
            TerminalDetail.Summary,
            ImmutableSortedDictionary<string, string>.Empty,
            ImmutableDictionary<JobId, string>.Empty
        );
        var claim = new JobClaim(
            new JobLease(order.Id, 1, "x"),
            TimeSpan.FromMinutes(1),
            ImmutableSortedDictionary<string, string>.Empty,
            null,
            Bundle: known
        );
        return await TestBundles
            .JobsOf(TestBundles.StoreAt(options.RootPath), options)
            .GetAsync(
                name,
                claim,
                Task.FromResult<Workspace>(new Files(Checkout)),
                reporter,
                new Progress<BundleProgress>(),
                ending
            );
    }

    private sealed class Files(string path) : Workspace(path, null)
    {
        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
