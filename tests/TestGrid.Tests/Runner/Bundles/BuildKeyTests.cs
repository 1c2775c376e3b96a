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
        var built = Path.Combine(folder.Path, "built");
        Directory.CreateDirectory(Path.Combine(built, "tree", "root"));
        File.WriteAllText(Path.Combine(built, "tree", "lease"), "");
        var record = new BundleRecord("tiny", Digest, "bookworm", BuildKey.Of(Tiny, ""), 1, 1, []);
        record.Write(Path.Combine(built, "tree", "bundle.json"));
        shelf.Publish(Tiny, built, record);
        using (var taken = shelf.TryLease(Tiny))
            Assert.NotNull(taken);

        var index = Assert.Single(Directory.GetFiles(Path.Combine(folder.Path, "index")));
        var older = JsonNode.Parse(File.ReadAllText(index))!.AsObject();
        older["recipeHash"] = Tiny.ContentHash();
        File.WriteAllText(index, older.ToJsonString());

        Assert.Null(shelf.TryLease(Tiny));
    }

    private BundleShelf Shelf()
    {
        var options = new BundleOptions { RootPath = folder.Path, RecipesPath = Path.Combine(folder.Path, "recipes") };
        return new BundleShelf(options, new LockShelf(options), new FakeTimeProvider());
    }

    public void Dispose() => folder.Dispose();
}
