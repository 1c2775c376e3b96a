using TestGrid.Core.Bundles;

namespace TestGrid.Tests.Core.Bundles;

public sealed class RecipeReaderTests
{
    private const string Whole = """
        bundle: python
        title: Python
        from: base
        debian:
          suite: bookworm
          packages: [python3, git]
        languages:
          python: ["3.11"]
          generic: []
        tools:
          - { npm: "@a/node@22.1", into: /opt/node, link: { /usr/bin/node: bin/node } }
          - { url: "https://example.org/x.tar.xz", sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, into: /opt/x }
        users:
          - { name: travis, uid: 2000, sudo: true }
        files:
          - { path: /etc/x.conf, mode: "0644", text: "a\nb\n" }
        locale: { default: de_AT.UTF-8, generate: [de_AT.UTF-8, ca_ES.UTF-8@valencia] }
        timezone: America/Argentina/Ushuaia
        slim: true
        setup: |
          ln -s python3 /usr/bin/python
        check:
          - { run: [python3, --version], expect: "Python 3.11." }
        """;

    private const string Serving = """
        bundle: service-postgresql
        debian: { suite: bookworm }
        service:
          names: [postgresql]
          version: "15"
          user: postgres
          start: [serve-postgresql, --fast]
          port: 5432
          ready: [psql, -c, "select 1"]
          sockets: /run/postgresql
        """;

    [Fact]
    public void A_whole_recipe_is_read()
    {
        var recipe = Assert.IsType<RecipeReading.Read>(RecipeReader.Read("recipe.yml", Whole)).Recipe;

        Assert.Equal(("python", "base", "bookworm"), (recipe.Name, recipe.From, recipe.Suite));
        Assert.Equal(["git", "python3"], recipe.Packages);
        Assert.Equal(["3.11"], recipe.Languages["python"]);
        Assert.Equal(
            ("@a/node", "22.1", "bin/node"),
            (recipe.Tools[0].Npm, recipe.Tools[0].Version, recipe.Tools[0].Links["/usr/bin/node"])
        );
        Assert.Equal(("https://example.org/x.tar.xz", "/opt/x"), (recipe.Tools[1].Url, recipe.Tools[1].Into));
        Assert.Equal(new RecipeUser("travis", 2000, true), Assert.Single(recipe.Users));
        Assert.Equal(new RecipeFile("/etc/x.conf", "0644", "a\nb\n"), Assert.Single(recipe.Files));
        Assert.Equal(["python3", "--version"], Assert.Single(recipe.Checks).Run);
        Assert.Equal("de_AT.UTF-8", recipe.Locale!.Default);
        Assert.Equal(["ca_ES.UTF-8@valencia", "de_AT.UTF-8"], recipe.Locale.Generate);
        Assert.Equal(("America/Argentina/Ushuaia", true), (recipe.TimeZone, recipe.Slim));
        Assert.Equal("ln -s python3 /usr/bin/python\n", recipe.Setup);
    }

    [Theory]
    [InlineData("bundle: a\nbogus: 1\ndebian: { suite: sid, packages: [] }", 2, "'bogus' is not known")]
    [InlineData("bundle: a\ndebian:\n  suite: sid\n  packages: ['git;reboot']", 4, "Debian package")]
    [InlineData("bundle: ../a\ndebian: { suite: sid, packages: [] }", 1, "a name of lower-case")]
    [InlineData("bundle: a\ndebian: { suite: 'x $(id)', packages: [] }", 2, "codename")]
    [InlineData("bundle: a\ndebian: { suite: sid }\nusers:\n  - { name: 'x; id', uid: 2000 }", 4, "user's name")]
    [InlineData("bundle: a\ndebian: { suite: sid }\nusers:\n  - { name: x, uid: 0 }", 4, "1000 to 59999")]
    [InlineData(
        "bundle: a\ndebian: { suite: sid }\nfiles:\n  - { path: /a/../b, mode: '0644', text: '' }",
        4,
        "absolute"
    )]
    [InlineData("bundle: a\ndebian: { suite: sid }\nfiles:\n  - { path: /a, mode: '644', text: '' }", 4, "octal")]
    [InlineData("bundle: a\ndebian: { suite: sid }\ncheck:\n  - { expect: x }", 4, "needs run:")]
    [InlineData("bundle: a\ndebian: { suite: sid }\nservice: redis", 3, "service: is a mapping")]
    [InlineData("bundle: a\ndebian: { suite: sid }\nservice: { names: [a], version: '1', port: 9 }", 3, "needs start:")]
    [InlineData("bundle: a\ndebian: { suite: sid }\nservice: { start: [a], version: '1', port: 9 }", 3, "needs names:")]
    [InlineData(
        "bundle: a\ndebian: { suite: sid }\nservice: { names: [a], start: [a], version: '1', port: 65536 }",
        3,
        "a port from 1"
    )]
    [InlineData("bundle: a\ndebian: { suite: sid }\nservice: { names: [a], start: [a], port: 9 }", 3, "no version:")]
    [InlineData("bundle: a\ndebian: { suite: sid }\nservice: { bogus: 1 }", 3, "'bogus' is not known")]
    [InlineData(
        "bundle: a\ndebian: { suite: sid }\nservice: { names: [a], start: [a], version: '1', port: 9, sockets: ../x }",
        3,
        "an absolute path"
    )]
    [InlineData("bundle: a\ndebian: { suite: sid }\ntools:\n  - { npm: node, into: /opt/x }", 4, "with a version")]
    [InlineData("bundle: a\ndebian: { suite: sid }\ntools:\n  - { npm: a@1, into: opt/x }", 4, "absolute")]
    [InlineData("bundle: a\ndebian: { suite: sid }\ntools:\n  - { npm: a@1, url: 'http://x', into: /x }", 4, "either")]
    [InlineData(
        "bundle: a\ndebian: { suite: sid }\ntools:\n  - { url: 'http://x/$(id)', sha256: a, into: /x }",
        4,
        "address"
    )]
    [InlineData(
        "bundle: a\ndebian: { suite: sid }\ntools:\n  - { npm: a@1, into: /x, link: { /bin/x: ../../etc } }",
        4,
        "in the archive"
    )]
    [InlineData("bundle: a\ndebian: { suite: sid }\ntimezone: ../../etc/shadow", 3, "a time zone")]
    [InlineData("bundle: a\ndebian: { suite: sid }\ntimezone: \"Etc/UTC'; id\"", 3, "a time zone")]
    [InlineData("bundle: a\ndebian: { suite: sid }\nslim: much", 3, "true or false")]
    [InlineData("bundle: a\ndebian: { suite: sid }\nlocale: de_AT", 3, "is written")]
    [InlineData("bundle: a\ndebian: { suite: sid }\nlocale: { generate: [\"de_AT.UTF-8 $(id)\"] }", 3, "a locale")]
    [InlineData("bundle: a\ndebian: { suite: sid }\nlocale: { default: de_AT.UTF-8 }", 3, "not among generate:")]
    [InlineData("bundle: a\ndebian: { suite: sid }\nsetup: [a]", 3, "one text")]
    [InlineData("bundle: a", 1, "no debian:")]
    [InlineData("bundle: a\ntitle: b: c", 2, "not YAML")]
    [InlineData("", 1, "one mapping")]
    public void A_problem_names_its_line(string text, int line, string says)
    {
        var problems = Assert.IsType<RecipeReading.Refused>(RecipeReader.Read("a/recipe.yml", text)).Problems;

        var problem = problems[0];
        Assert.Equal(("a/recipe.yml", line), (problem.File, problem.Line));
        Assert.Contains(says, problem.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_service_is_read_and_what_it_need_not_say_has_its_default()
    {
        var service = Assert.IsType<RecipeReading.Read>(RecipeReader.Read("a", Serving)).Recipe.Service!;
        var least = Assert
            .IsType<RecipeReading.Read>(
                RecipeReader.Read(
                    "b",
                    "bundle: b\ndebian: { suite: sid }\nservice: { names: [b], version: '1', start: [b], port: 1 }"
                )
            )
            .Recipe.Service!;

        Assert.Equal(
            ("postgresql", "15", "postgres", 5432, "/run/postgresql"),
            (service.Names[0], service.Version, service.User, service.Port, service.Sockets)
        );
        Assert.Equal(["serve-postgresql", "--fast"], service.Start);
        Assert.Equal(["psql", "-c", "select 1"], service.Ready);
        Assert.Equal(("root", true, null), (least.User, least.Ready.IsEmpty, least.Sockets));
    }

    [Fact]
    public void Only_what_decides_the_tree_changes_its_hash()
    {
        var recipe = Assert.IsType<RecipeReading.Read>(RecipeReader.Read("recipe.yml", Whole)).Recipe;

        Assert.Equal(recipe.ContentHash(), (recipe with { Title = "other", Checks = [] }).ContentHash());
        Assert.Equal(recipe.ContentHash(), (recipe with { Service = new RecipeService() }).ContentHash());
        Assert.NotEqual(recipe.ContentHash(), (recipe with { Packages = ["git"] }).ContentHash());
        Assert.NotEqual(recipe.ContentHash(), (recipe with { Suite = "trixie" }).ContentHash());
        Assert.NotEqual(recipe.ContentHash(), (recipe with { Users = [new("travis", 2000, false)] }).ContentHash());
        Assert.NotEqual(recipe.ContentHash(), (recipe with { Files = [] }).ContentHash());
        Assert.NotEqual(recipe.ContentHash(), (recipe with { Setup = "" }).ContentHash());
        Assert.NotEqual(recipe.ContentHash(), (recipe with { Slim = false }).ContentHash());
        Assert.NotEqual(recipe.ContentHash(), (recipe with { TimeZone = "" }).ContentHash());
        Assert.NotEqual(recipe.ContentHash(), (recipe with { Locale = new("C.UTF-8", []) }).ContentHash());
    }
}
