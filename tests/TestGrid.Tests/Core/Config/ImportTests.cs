using System.Text;
using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Config.Imports;

namespace TestGrid.Tests.Core.Config;

public sealed class ImportTests
{
    private readonly Dictionary<string, string> files = [];
    private readonly List<string> asked = [];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("deep_merge_append", "wget,curl,cmake", true, true)]
    [InlineData("deep_merge_prepend", "cmake,curl,wget", true, true)]
    [InlineData("deep_merge", "cmake", true, true)]
    [InlineData("merge", "cmake", true, false)]
    public async Task A_mode_says_what_becomes_of_lists_and_mappings(
        string mode,
        string packages,
        bool isScriptOwn,
        bool isHostnameThere
    )
    {
        files["one.yml"] =
            $"import: [{{source: two.yml, mode: {mode}}}]\nscript: ./one\n"
            + "addons: {apt: {packages: [curl]}, hostname: one}\n";
        files["two.yml"] = "script: ./two\naddons: {apt: {packages: [wget]}}\n";

        var config = await ConfigAsync(
            $"import:\n- source: one.yml\n  mode: {mode}\nscript: ./own\naddons:\n  apt:\n    packages: [cmake]\n"
        );

        var job = Assert.Single(config.Jobs);
        Assert.Equal(packages, string.Join(',', job.AptPackages));
        Assert.Equal(
            isScriptOwn ? "./own" : "",
            Assert.Single(job.Phases, phase => phase.Name == "script").Commands[0]
        );
        Assert.Equal(isHostnameThere, job.Addons.HostName == "one");
    }

    [Fact]
    public async Task Local_paths_are_the_repositorys_and_those_with_a_dot_the_files()
    {
        files["ci/one.yml"] = "import: [./two.yml, ../three.yml, four.yml]\n";
        files["ci/two.yml"] = "env: {global: [TWO=2]}\n";
        files["three.yml"] = "env: {global: [THREE=3]}\n";
        files["four.yml"] = "env: {global: [FOUR=4]}\n";
        // ../three.yml does not begin with ./ and so is outside of the repository.
        var problems = await RefusedAsync("import: ci/one.yml\n");

        Assert.Contains("../three.yml", Assert.Single(problems).Message, StringComparison.Ordinal);

        files["ci/one.yml"] = "import: [./two.yml, ./../three.yml, four.yml]\n";
        var config = await ConfigAsync("import: ci/one.yml\nscript: make\n");

        Assert.Equal(["FOUR", "THREE", "TWO"], config.Jobs[0].Env.Select(one => one.Name).Order());
    }

    [Fact]
    public async Task What_an_imported_file_of_another_repository_imports_is_meant_there()
    {
        files["them/shared:ci/all.yml@v1"] = "import: [./c.yml, our/repo:own.yml]\n";
        files["them/shared:ci/c.yml@v1"] = "language: c\n";
        files["our/repo:own.yml"] = "script: make own\n";

        var config = await ConfigAsync("import: them/shared:ci/all.yml@v1\n");

        Assert.Equal("c", config.Jobs[0].Language);
        Assert.Equal(["them/shared:ci/all.yml@v1", "them/shared:ci/c.yml@v1", "our/repo:own.yml"], asked);
    }

    [Fact]
    public async Task The_repositorys_own_name_means_the_commit_that_is_built()
    {
        files["own.yml"] = "script: make own\n";

        await ConfigAsync("import: our/repo:own.yml\n");

        Assert.Equal(["own.yml"], asked);
    }

    [Fact]
    public async Task An_import_counts_only_where_its_condition_holds()
    {
        files["main.yml"] = "script: make main\n";
        var push = Settings with { Trigger = new Trigger(TriggerKind.Push, new CommitRef("", "refs/heads/main")) };

        var config = await ConfigAsync(
            "import:\n- {source: main.yml, if: branch = main}\n- {source: other.yml, if: branch != main}\n",
            push
        );

        Assert.Equal("make main", config.Jobs[0].Phases[^1].Commands[0]);
        Assert.Equal(["main.yml"], asked);
    }

    [Fact]
    public async Task A_circle_is_skipped_and_a_file_counts_once()
    {
        files["one.yml"] = "import: [two.yml]\nenv: {global: [ONE=1]}\n";
        files["two.yml"] = "import: [one.yml]\n";

        var config = await ConfigAsync("import: [one.yml, two.yml]\nscript: make\n");

        Assert.Equal(["one.yml", "two.yml"], asked);
        Assert.Equal("ONE", Assert.Single(config.Jobs[0].Env).Name);
        var problem = Assert.Single(config.Problems);
        Assert.Equal(("two.yml", 1, ProblemCode.ImportedAgain), (problem.File, problem.Line, problem.Code));
    }

    [Fact]
    public async Task A_problem_stands_in_the_file_that_has_it()
    {
        files["one.yml"] = "script: make\n\nscirpt: oops\n";

        var config = await ConfigAsync("import: one.yml\nlangage: c\n");

        Assert.Equal(
            [".testgrid.yml:2", "one.yml:3"],
            config.Problems.Select(problem => $"{problem.File}:{problem.Line}")
        );
    }

    [Theory]
    [InlineData("import: none.yml\n", "1:9 TG0008")]
    [InlineData("import: ../../etc/passwd.yml\n", "1:9 TG0008")]
    [InlineData("import: /etc/x.yml\n", "1:9 TG0008")]
    [InlineData("import: ['a/b:.git/x.yml']\n", "1:10 TG0008")]
    [InlineData("import: README.md\n", "1:9 TG0008")]
    [InlineData("import: {source: one.yml, if: 'branch = ('}\n", "1:31 TG0007")]
    [InlineData("script: make\nimport: list.yml\n", "1:1 TG0002")]
    [InlineData("script: make\nimport: broken.yml\n", "2:1 TG0001")]
    public async Task What_cannot_be_imported_is_an_error_at_its_place(string yaml, string place)
    {
        files["list.yml"] = "- a\n";
        files["broken.yml"] = "script: [\n";
        files["one.yml"] = "script: make\n";

        var problems = await RefusedAsync(yaml);

        Assert.Equal(place, Assert.Single(problems.Select(one => $"{one.Line}:{one.Column} {one.Code}")));
    }

    [Fact]
    public async Task At_most_25_files_are_imported()
    {
        for (var i = 0; i < 60; i++)
            files[$"{i}.yml"] = $"import: {i + 1}.yml\nscript: make\n";

        var problems = await RefusedAsync("import: 0.yml\n");

        Assert.Equal(("24.yml", ProblemCode.OverLimit), (Assert.Single(problems).File, problems[0].Code));
        Assert.Equal(25, asked.Count);
    }

    [Fact]
    public async Task Imports_cannot_multiply_a_bomb()
    {
        var list = "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n";
        var deep = list + "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n_k: [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n";
        for (var i = 0; i < 25; i++)
            files[$"{i}.yml"] = deep;

        var problems = await RefusedAsync(
            "import: [" + string.Join(", ", Enumerable.Range(0, 25).Select(i => $"{i}.yml")) + "]\n"
        );

        Assert.Contains(problems, problem => problem.Code == ProblemCode.OverLimit);
    }

    private static ConfigSettings Settings => Reading.Settings with { Slug = "our/repo" };

    private async Task<ConfigReading> ReadAsync(string yaml, ConfigSettings? settings)
    {
        var utf8 = Encoding.UTF8.GetBytes(yaml);
        var collected = await ConfigImports.CollectAsync(".testgrid.yml", utf8, settings ?? Settings, Give, Stop);
        return CiConfigReader.Read(".testgrid.yml", utf8, collected);
    }

    private async Task<CiConfig> ConfigAsync(string yaml, ConfigSettings? settings = null)
    {
        var reading = await ReadAsync(yaml, settings);
        return reading is ConfigReading.Read(var config)
            ? config
            : throw new Xunit.Sdk.XunitException(string.Join('\n', ((ConfigReading.Refused)reading).Problems));
    }

    private async Task<IReadOnlyList<ConfigProblem>> RefusedAsync(string yaml) =>
        [.. Assert.IsType<ConfigReading.Refused>(await ReadAsync(yaml, null)).Problems.Where(one => one.IsError)];

    private ValueTask<ImportedFile> Give(ImportSource source, CancellationToken stop)
    {
        asked.Add(source.ToString());
        return ValueTask.FromResult<ImportedFile>(
            files.TryGetValue(source.ToString(), out var text)
                ? new ImportedFile.Text(Encoding.UTF8.GetBytes(text))
                : new ImportedFile.Refused("there is no such file")
        );
    }
}
