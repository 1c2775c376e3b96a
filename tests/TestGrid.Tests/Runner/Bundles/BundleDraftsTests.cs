using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Exports;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

public sealed class BundleDraftsTests : IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string StorePath => Path.Combine(folder.Path, "bundles");

    private string RecipePath => Path.Combine(folder.Path, "recipes", "tiny");

    [Fact]
    [Trait("Slow", "true")]
    public async Task A_draft_adds_packages_is_not_given_away_and_is_what_the_whole_build_comes_to()
    {
        var redis = await RedisAsync();
        Write([], redis);
        await using (var first = await Store().GetAsync("tiny", new Progress<BundleProgress>(), Stop))
            Assert.NotNull(first);
        var extra = await new SyntheticMirror(Path.Combine(folder.Path, "mirror")).AddAsync("extra", "1.0", Stop);
        Pool(new SyntheticMirror(Path.Combine(folder.Path, "mirror")).PathOf(extra), extra);
        Write(["extra"], redis with { Packages = BundleLock.InOrder(redis.Packages.Add(extra)) });

        var draft = await Store().DraftAsync(Drafts(), "tiny", new Progress<BundleProgress>(), Stop);

        Assert.True(draft.IsDraft);
        Assert.Contains(draft.Packages, package => package is { Name: "extra", Version: "1.0" });
        Assert.False(Store().Has("tiny"));
        Assert.Empty(await Store().VerifyAsync(draft.Digest, Stop));
        var refused = await Assert.ThrowsAsync<BundleException>(() =>
            new BundleExport(Options(), Store()).WriteAsync(
                draft,
                ExportFormat.Rootfs,
                Path.Combine(folder.Path, "draft.tar"),
                "",
                Stop
            )
        );
        Assert.Contains("a draft is not given away", refused.Message, StringComparison.Ordinal);

        await using var whole = await Store().GetAsync("tiny", new Progress<BundleProgress>(), Stop);
        Assert.Equal(draft.Digest, whole.Bundle.Digest);
        Assert.False(Store().RecordOf(draft.Digest)!.IsDraft);
    }

    [Fact]
    public async Task What_more_than_adds_packages_is_no_draft_and_there_must_be_a_bundle()
    {
        var redis = await RedisAsync();
        Write([], redis);

        var none = await Assert.ThrowsAsync<BundleException>(() =>
            Store().DraftAsync(Drafts(), "tiny", new Progress<BundleProgress>(), Stop)
        );
        Keep(redis);
        var same = await Assert.ThrowsAsync<BundleException>(() =>
            Store().DraftAsync(Drafts(), "tiny", new Progress<BundleProgress>(), Stop)
        );
        Write([], redis with { Packages = redis.Packages[1..] });
        var less = await Assert.ThrowsAsync<BundleException>(() =>
            Store().DraftAsync(Drafts(), "tiny", new Progress<BundleProgress>(), Stop)
        );

        Assert.Contains("There is no bundle tiny to make a draft upon", none.Message, StringComparison.Ordinal);
        Assert.Contains("nothing was added", same.Message, StringComparison.Ordinal);
        Assert.Contains(
            $"1 others went or changed, {redis.Packages[0]} for one",
            less.Message,
            StringComparison.Ordinal
        );
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(StorePath, "tmp")));
    }

    public void Dispose() => folder.Dispose();

    private IOptions<BundleOptions> Options() =>
        Microsoft.Extensions.Options.Options.Create(
            new BundleOptions { RootPath = StorePath, RecipesPath = Path.GetDirectoryName(RecipePath)! }
        );

    private BundleDrafts Drafts() => new(Options(), new AptSources(Options()), TimeProvider.System);

    private BundleStore Store() => TestBundles.StoreAt(StorePath, Path.GetDirectoryName(RecipePath)!);

    // The packages of a bundle that other tests have built: what a recipe of none gets, and Redis.
    private async Task<BundleLock> RedisAsync()
    {
        await using var lease = await TestBundles.ServiceAsync("redis", Stop);
        var text = await File.ReadAllTextAsync(Path.Combine(lease.Bundle.RootPath, "../lock.json"), Stop);
        var read = ((LockReading.Read)LockReader.Read("lock.json", text)).Lock;
        foreach (var package in read.Packages)
            Pool(Path.Combine(TestBundles.CachePath, "bundles", PathOf(package)), package);
        return read with { Bundle = "tiny" };
    }

    private void Write(string[] more, BundleLock locked)
    {
        Directory.CreateDirectory(RecipePath);
        string[] packages = ["redis-server", .. more];
        var text = $"bundle: tiny\ndebian: {{ suite: bookworm, packages: [{string.Join(", ", packages)}] }}\n";
        var recipe = ((RecipeReading.Read)RecipeReader.Read("recipe.yml", text)).Recipe;
        File.WriteAllText(Path.Combine(RecipePath, "recipe.yml"), text);
        var whole = locked with { RecipeHash = recipe.ContentHash() };
        File.WriteAllText(Path.Combine(RecipePath, "lock.json"), whole.Text());
    }

    // A tree that is looked at only as far as its lock and its users.
    private void Keep(BundleLock locked)
    {
        var options = Options().Value;
        var made = Path.Combine(folder.Path, "made");
        var etc = Directory.CreateDirectory(Path.Combine(made, "tree/root/etc")).FullName;
        File.WriteAllText(Path.Combine(etc, "passwd"), "root:x:0:0::/:/bin/sh\n");
        var digest = BundleDigest.Of(new byte[32]);
        var record = new BundleRecord("tiny", digest, "bookworm", "", 1, 1, []) { LockDigest = locked.Digest };
        record.Write(Path.Combine(made, "tree/bundle.json"));
        File.WriteAllText(Path.Combine(made, "tree/lock.json"), locked.Text());
        File.WriteAllBytes(Path.Combine(made, "tree/lease"), []);
        new BundleShelf(options, new LockShelf(options), TimeProvider.System).Keep(made, record);
    }

    private void Pool(string file, LockedPackage package)
    {
        var target = Path.Combine(StorePath, PathOf(package));
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        if (!File.Exists(target))
            File.Copy(file, target);
    }

    private static string PathOf(LockedPackage package) =>
        Path.Combine("pool/sha256", package.Sha256[..2], package.Sha256);
}
