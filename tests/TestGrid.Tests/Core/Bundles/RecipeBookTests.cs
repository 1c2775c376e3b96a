using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles.Exports;

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
                    "bundle: base\ndebian: { suite: sid, packages: [git] }\nusers: [{ name: travis, uid: 2000 }]\n"
                        + "setup: a\ntimezone: Etc/UTC"
                ),
                (
                    "c/recipe.yml",
                    "bundle: c\nfrom: base\ndebian: { suite: sid, packages: [gcc] }\nlanguages: { c: [] }\n"
                        + "check: [{ run: [gcc], expect: '3' }]\nsetup: b\nslim: true"
                ),
                (
                    "cc/recipe.yml",
                    "bundle: cc\nfrom: c\ndebian: { suite: sid, packages: [clang] }\ncheck: [{ run: [gcc], expect: '4' }]"
                ),
            ],
            out var problems
        );

        Assert.Empty(problems);
        Assert.Equal(["clang", "gcc", "git"], book.Find("cc")!.Packages);
        Assert.Equal("travis", Assert.Single(book.Find("cc")!.Users).Name);
        Assert.Equal("4", Assert.Single(book.Find("cc")!.Checks).Expect);
        var last = book.Find("cc")!;
        Assert.Equal(("a\nb", "Etc/UTC", true), (last.Setup, last.TimeZone, last.Slim));
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

    [Fact]
    public void A_parent_of_another_suite_gives_its_packages_as_this_suite_has_them_but_for_some()
    {
        var book = RecipeBook.Of(
            [
                ("base/recipe.yml", "bundle: base\ndebian: { suite: bookworm, packages: [git, git-lfs] }"),
                (
                    "old/recipe.yml",
                    "bundle: old\nfrom: base\ndebian: { suite: bullseye, packages: [gcc], without: [git-lfs] }"
                ),
                ("node/recipe.yml", "bundle: node\nfrom: old\ndebian: { suite: bullseye, packages: [libatomic1] }"),
            ],
            out var problems
        );

        Assert.Empty(problems);
        Assert.Equal(["gcc", "git", "libatomic1"], book.Find("node")!.Packages);
        Assert.Equal("bullseye", book.Find("node")!.Suite);
    }

    [Theory]
    [InlineData("bundle: a\nfrom: nobody\ndebian: { suite: sid }", "no recipe here")]
    [InlineData("bundle: a\nfrom: b\ndebian: { suite: sid }", "circle")]
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
        Assert.Superset(new HashSet<string> { "base", "c", "node", "python", "python-2.7" }, book.Names.ToHashSet());
        // A newcomer's machine locks nothing that we have not.
        Assert.All(book.Names, name => Assert.True(IsLocked(book.Find(name)!, folder), $"{name}'s lock is stale"));
        // Neither services nor the tools of a .run file are what a job runs in.
        Assert.All(
            book.Names.Except(services).Except([RunTools.Recipe]),
            name => Assert.Contains(new RecipeUser("travis", 2000, true), book.Find(name)!.Users)
        );
        Assert.All(book.Services, offer => Assert.Equal($"service-{offer.Service.Names[0]}", offer.Recipe));
        Assert.Contains("redis", services.Select(name => book.Find(name)!.Service!.Names[0]));
        Assert.Contains("postgresql", services.Select(name => book.Find(name)!.Service!.Names[0]));
    }

    private static bool IsLocked(Recipe recipe, string folder) =>
        LockReader.Read("lock.json", File.ReadAllText(Path.Combine(folder, recipe.Name, "lock.json")))
            is LockReading.Read { Lock: var locked }
        && locked.RecipeHash == recipe.ContentHash()
        && locked.Tools.Length == recipe.Tools.Length;
}
