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

    [Fact]
    public void A_service_is_its_recipes_own_and_not_of_those_upon_it()
    {
        const string Service = "service: { names: [redis, valkey], version: '7.0', start: [serve], port: 6379 }";
        var book = RecipeBook.Of(
            [
                ("a", $"bundle: a\ndebian: {{ suite: sid }}\nlanguages: {{ c: [] }}\n{Service}"),
                ("b", "bundle: b\nfrom: a\ndebian: { suite: sid }"),
            ],
            out var problems
        );

        Assert.Empty(problems);
        var (recipe, service) = Assert.Single(book.Services);
        Assert.Equal(("a", "redis valkey"), (recipe, string.Join(' ', service.Names)));
        Assert.Null(book.Find("b")!.Service);
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
        var services = book.Services.Select(offer => offer.Recipe).ToList();
        Assert.Equal(["base", "c", "python", "python-2.7"], book.Names.Except(services));
        Assert.All(
            book.Names.Except(services),
            name => Assert.Contains(new RecipeUser("travis", 2000, true), book.Find(name)!.Users)
        );
        Assert.All(book.Services, offer => Assert.Equal($"service-{offer.Service.Names[0]}", offer.Recipe));
        Assert.Contains("redis", services.Select(name => book.Find(name)!.Service!.Names[0]));
        Assert.Contains("postgresql", services.Select(name => book.Find(name)!.Service!.Names[0]));
    }
}
