using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

public sealed class BuildKeyTests : IDisposable
{
    private static readonly Recipe Tiny = new() { Name = "tiny", Suite = "bookworm" };
    private static readonly BundleDigest Digest = BundleDigest.Parse("sha256:" + new string('a', 64), null);

    private readonly TempFolder folder = new();

    [Fact]
    public void What_decides_the_tree_decides_the_key_and_nothing_else()
    {
        Assert.Equal(BuildKey.Of(Tiny, ""), BuildKey.Of(Tiny with { Title = "another title" }, ""));
        Assert.NotEqual(BuildKey.Of(Tiny, ""), BuildKey.Of(Tiny with { Packages = ["jq"] }, ""));
        Assert.NotEqual(BuildKey.Of(Tiny, ""), BuildKey.Of(Tiny, new string('b', 64)));
        Assert.NotEqual(Tiny.ContentHash(), BuildKey.Of(Tiny, ""));
    }

    [Fact]
    public void A_bundle_that_an_older_builder_made_of_the_same_recipe_is_not_taken()
    {
        var shelf = Shelf();
        Publish(shelf, shelf.KeyOf(Tiny));
        using (var taken = shelf.TryLease(Tiny))
            Assert.NotNull(taken);

        var index = Assert.Single(Directory.GetFiles(Path.Combine(folder.Path, "index")));
        var older = JsonNode.Parse(File.ReadAllText(index))!.AsObject();
        older["recipeHash"] = Tiny.ContentHash();
        File.WriteAllText(index, older.ToJsonString());

        Assert.Null(shelf.TryLease(Tiny));
    }

    [Fact]
    public void A_lock_that_was_replaced_during_the_build_is_not_what_was_built()
    {
        var shelf = Shelf();
        var begun = shelf.KeyOf(Tiny);
        SyntheticLock();

        Publish(shelf, begun);

        Assert.NotEqual(begun, shelf.KeyOf(Tiny));
        Assert.Null(shelf.TryLease(Tiny));
        using var tree = shelf.TryLease(Digest);
        Assert.NotNull(tree);
    }

    [Fact]
    public void A_lock_that_cannot_be_read_is_not_as_if_there_were_none()
    {
        var shelf = Shelf();
        var none = shelf.KeyOf(Tiny);
        SyntheticLock();
        File.AppendAllText(LockFile, "<<<<<<< ours\n");

        Assert.NotEqual(none, shelf.KeyOf(Tiny));
    }

    [Fact]
    public void Where_locks_are_promises_a_tree_of_another_lock_is_not_taken()
    {
        SyntheticLock();
        var lenient = Shelf();
        Publish(lenient, lenient.KeyOf(Tiny));

        using var taken = lenient.TryLease(Tiny);
        Assert.NotNull(taken);
        Assert.Null(Shelf(keepLocks: true).TryLease(Tiny));
    }

    private string LockFile => Path.Combine(folder.Path, "recipes", "tiny", "lock.json");

    private void SyntheticLock()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(LockFile)!);
        var package = new LockedPackage("one", "1", "all", "bookworm", "pool/o.deb", 1, new string('c', 64), false);
        File.WriteAllText(LockFile, SyntheticMirror.Lock(package).Text());
    }

    private void Publish(BundleShelf shelf, string key)
    {
        var built = Path.Combine(folder.Path, "built");
        Directory.CreateDirectory(Path.Combine(built, "tree", "root"));
        File.WriteAllText(Path.Combine(built, "tree", "lease"), "");
        var record = new BundleRecord("tiny", Digest, "bookworm", key, 1, 1, []);
        record.Write(Path.Combine(built, "tree", "bundle.json"));
        shelf.Publish(Tiny, key, built, record);
    }

    private BundleShelf Shelf(bool keepLocks = false)
    {
        var options = new BundleOptions
        {
            RootPath = folder.Path,
            RecipesPath = Path.Combine(folder.Path, "recipes"),
            KeepLocks = keepLocks,
        };
        return new BundleShelf(options, new LockShelf(options), new FakeTimeProvider());
    }

    public void Dispose() => folder.Dispose();
}
