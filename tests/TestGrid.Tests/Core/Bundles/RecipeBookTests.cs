using TestGrid.Core.Bundles;

namespace TestGrid.Tests.Core.Bundles;

public sealed class RecipeBookTests
{
    [Fact]
    public void A_recipe_has_all_that_its_parent_gives()
    {
        var book = RecipeBook.Of(
            [
                (
                    "base/recipe.yml",
                    "bundle: base\ndebian: { suite: sid, packages: [git] }\nusers: [{ name: travis, uid: 2000 }]"
                ),
                (
                    "c/recipe.yml",
                    "bundle: c\nfrom: base\ndebian: { suite: sid, packages: [gcc] }\nlanguages: { c: [] }"
                ),
                ("cc/recipe.yml", "bundle: cc\nfrom: c\ndebian: { suite: sid, packages: [clang] }"),
            ],
            out var problems
        );

        Assert.Empty(problems);
        Assert.Equal(["clang", "gcc", "git"], book.Find("cc")!.Packages);
        Assert.Equal("travis", Assert.Single(book.Find("cc")!.Users).Name);
        var offer = Assert.Single(book.Offers);
        Assert.Equal(("c", "c"), (offer.Recipe, offer.Language));
    }

    [Theory]
    [InlineData("bundle: a\nfrom: nobody\ndebian: { suite: sid }", "no recipe here")]
    [InlineData("bundle: a\nfrom: b\ndebian: { suite: sid }", "circle")]
    [InlineData("bundle: a\nfrom: other\ndebian: { suite: sid }", "one tree has one suite")]
    public void A_recipe_with_a_bad_parent_is_not_in_the_book(string text, string says)
    {
        var book = RecipeBook.Of(
            [
                ("a", text),
                ("b", "bundle: b\nfrom: a\ndebian: { suite: sid }"),
                ("other", "bundle: other\ndebian: { suite: trixie }"),
            ],
            out var problems
        );

        Assert.Contains(problems, problem => problem.Message.Contains(says, StringComparison.Ordinal));
        Assert.Null(book.Find("a"));
        Assert.NotNull(book.Find("other"));
    }

    [Fact]
    public void The_recipes_that_we_ship_have_no_problem_and_the_user_that_jobs_run_as()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "runner-images");
        var book = RecipeBook.Of(
            Directory
                .GetFiles(folder, "recipe.yml", SearchOption.AllDirectories)
                .Select(file => (Path.GetRelativePath(folder, file), File.ReadAllText(file))),
            out var problems
        );

        Assert.Empty(problems);
        Assert.Equal(["base", "c", "python", "python-2.7"], book.Names);
        Assert.All(book.Names, name => Assert.Contains(new RecipeUser("travis", 2000, true), book.Find(name)!.Users));
    }
}
