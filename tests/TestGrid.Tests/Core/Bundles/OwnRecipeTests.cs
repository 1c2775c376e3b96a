using TestGrid.Core.Bundles;

namespace TestGrid.Tests.Core.Bundles;

/// <summary>A repository's recipe and the lock beside it are one thing, or an error that says what to do.</summary>
public sealed class OwnRecipeTests
{
    private const string Path = "ci/bundle.yml";
    private const string Recipe = "bundle: shop\nfrom: base\ndebian: { suite: bookworm, packages: [libpq5] }\n";
    private const string Remedy = "Remedy: testgrid bundle lock ci/bundle.yml, and commit both files.";

    private static readonly (string, string)[] Parents =
    [
        ("base/recipe.yml", "bundle: base\ndebian: { suite: bookworm, packages: [git] }\n"),
        ("broken/recipe.yml", "bundle: [\n"),
    ];

    [Theory]
    [InlineData("ci/bundle.yml", "ci/bundle.lock.json")]
    [InlineData("shop.yaml", "shop.lock.json")]
    [InlineData("bundles/shop/recipe.yml", "bundles/shop/lock.json")]
    public void A_lock_lies_beside_its_recipe(string recipe, string file) =>
        Assert.Equal(file, OwnRecipe.LockOf(recipe));

    [Fact]
    public void It_is_complete_with_what_a_recipe_of_this_machine_gives()
    {
        var own = OwnRecipe.Read(Path, Recipe, Lock(), Parents, "amd64", out var problem);

        Assert.Null(problem);
        Assert.Equal(["git", "libpq5"], own!.Recipe.Packages.Order());
        Assert.Equal("shop", own.Lock.Bundle);
    }

    [Fact]
    public void What_is_wrong_names_the_file_and_the_command()
    {
        Assert.Equal(
            $"ci/bundle.yml has no lock, ci/bundle.lock.json, beside it at this commit. {Remedy}",
            Problem(Recipe, null)
        );
        Assert.Equal(
            $"ci/bundle.lock.json is the lock of bundle 'other', and ci/bundle.yml makes 'shop'. {Remedy}",
            Problem(Recipe, Lock("other"))
        );
        Assert.Equal(
            "ci/bundle.lock.json is stale: it is of another ci/bundle.yml, or of another version of the recipes that it is "
                + $"from. {Remedy}",
            Problem(Recipe.Replace("libpq5", "libpq-dev", StringComparison.Ordinal), Lock())
        );
        Assert.Equal(
            $"ci/bundle.lock.json is for amd64, and this machine is arm64. {Remedy}",
            Problem(Recipe, Lock(), "arm64")
        );
        Assert.Contains(
            "The lock has problems:\nci/bundle.lock.json:",
            Problem(Recipe, "{}"),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "ci/bundle.yml:1:1: from: names 'nothing', which is no recipe here.",
            Problem(Recipe.Replace("from: base", "from: nothing", StringComparison.Ordinal), null),
            StringComparison.Ordinal
        );
        Assert.Contains("ci/bundle.yml:2:", Problem("bundle: a\nroot: yes\n", null), StringComparison.Ordinal);
    }

    private static string? Problem(string recipe, string? locked, string architecture = "amd64")
    {
        Assert.Null(OwnRecipe.Read(Path, recipe, locked, Parents, architecture, out var problem));
        return problem;
    }

    private static string Lock(string name = "shop")
    {
        var book = RecipeBook.Of([(Path, Recipe)], out _, Parents);
        return new BundleLock
        {
            Bundle = name,
            Suite = "bookworm",
            Architecture = "amd64",
            RecipeHash = book.Find("shop")!.ContentHash(),
            Epoch = 1_795_227_046,
            Releases = [],
            Packages = [],
        }.Text();
    }
}
