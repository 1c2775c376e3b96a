using System.Text.Json;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary><c>testgrid config …</c> as people and scripts call it, and the same check as a build's error.</summary>
public sealed class ConfigCommandTests : IDisposable
{
    private const StringComparison Ordinal = StringComparison.Ordinal;
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Check_shows_each_problem_at_its_line_with_a_caret_and_what_was_meant()
    {
        Write("tree/.testgrid.yml", "language: c\nscritp: make\nif: branch = (\n");

        var check = await CallAsync("config", "check", "tree/.testgrid.yml");

        Assert.Equal(2, check.ExitCode);
        Assert.Contains("tree/.testgrid.yml:2:1: warning TG0102: ", check.Errors, Ordinal);
        Assert.Contains("  2 | scritp: make\n    | ^^^^^^\n", check.Errors, Ordinal);
        Assert.Contains("'script'", check.Errors, Ordinal);
        Assert.Contains("tree/.testgrid.yml:3:5: error TG0007: ", check.Errors, Ordinal);
        Assert.Equal("tree/.testgrid.yml: cannot be used, 1 error, 1 warning\n", check.Output);
    }

    [Fact]
    public async Task Check_in_json_is_one_object_and_warnings_fail_only_when_they_shall()
    {
        const string Yaml = "language: c\nscript: make\nenv: [A=1, A=2]\ncache: pip\n";

        var good = await CallWithAsync(Yaml, "config", "check", "-", "--json");
        var strict = await CallWithAsync(Yaml, "config", "check", "-", "--json", "--strict");
        var travis = await CallWithAsync("rvm: 2.7\n", "config", "check", "-", "--as", ".travis.yml", "--json");
        var none = await CallAsync("config", "check", "no/such.yml");

        var read = Json(good);
        Assert.Equal((0, true, 2), (good.ExitCode, Valid(read), read.GetProperty("jobs").GetInt32()));
        Assert.Equal("env", Assert.Single(read.GetProperty("axes").EnumerateArray()).GetString());
        var problem = Assert.Single(read.GetProperty("problems").EnumerateArray());
        Assert.Equal(
            (".testgrid.yml", 4, "TG0301", false),
            (
                problem.Text("file"),
                problem.GetProperty("line").GetInt32(),
                problem.Text("code"),
                problem.GetProperty("isError").GetBoolean()
            )
        );
        Assert.Equal((2, false), (strict.ExitCode, Valid(Json(strict))));
        Assert.Equal((0, 1), (travis.ExitCode, Json(travis).GetProperty("jobs").GetInt32()));
        Assert.Equal(2, none.ExitCode);
        Assert.Contains("no/such.yml", none.Errors, Ordinal);
    }

    [Fact]
    public async Task Matrix_shows_the_jobs_in_their_order_as_a_table_and_as_json()
    {
        using var repository = Tree("language: c\ncompiler: [gcc, clang]\nos: [linux, osx]\nscript: make\n");

        var table = await CallAsync("config", "matrix", "-C", "tree");
        var json = await CallAsync("config", "matrix", "-C", "tree", "--json", "--job", "2");
        var none = await CallAsync("config", "matrix", "-C", "tree", "--job", "9");

        Assert.Equal(0, table.ExitCode);
        var lines = table.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(5, lines.Length);
        Assert.Matches(@"^job +os +compiler +bundle", lines[0]);
        Assert.Matches(@"^2 +linux +clang +c", lines[2]);
        Assert.Matches(@"^3 +osx +gcc .*cannot run here", lines[3]);
        Assert.Equal(2, Json(json).GetProperty("cell").GetInt32());
        Assert.Equal("c", Json(json).GetProperty("config").Text("language"));
        Assert.Equal(5, none.ExitCode);
        Assert.Contains("there are 4", none.Errors, Ordinal);
    }

    [Fact]
    public async Task Matrix_explain_and_script_take_a_file_or_the_input_like_check()
    {
        const string Yaml =
            "language: c\ncompiler: [gcc, clang]\nscript: make\ndeploy: {provider: script, script: ./rel}\n";
        Write("loose.yml", Yaml);

        var file = await CallAsync("config", "matrix", "loose.yml", "--json", "--job", "2");
        var input = await CallWithAsync(Yaml, "config", "matrix", "-", "--as", ".travis.yml");
        var explained = await CallAsync("config", "explain", "2", "loose.yml");
        var script = await CallWithAsync(Yaml, "config", "script", "2", "-");

        Assert.Equal(2, Json(file).GetProperty("cell").GetInt32());
        Assert.Equal(3, input.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Matches(@"compiler +clang +<- loose\.yml:2", explained.Output);
        Assert.Contains("_tg_deploy 0 './rel' assert", explained.Output, Ordinal);
        Assert.Contains("export CC=", script.Output, Ordinal);
    }

    [Fact]
    public async Task Explain_says_of_each_value_which_file_and_line_says_it_and_shows_the_script()
    {
        using var repository = Tree("import: ci/env.yml\nlanguage: c\nscript: make check\n");
        repository.Write("ci/env.yml", "# shared\nenv:\n  global: [SHARED=1]\n");

        var explained = await CallAsync("config", "explain", "1", "-C", "tree");
        var json = await CallAsync("config", "explain", "1", "-C", "tree", "--json");

        Assert.Equal(0, explained.ExitCode);
        Assert.Contains("It runs in the bundle c.", explained.Output, Ordinal);
        Assert.Matches(@"script +make check +<- \.testgrid\.yml:3", explained.Output);
        Assert.Matches(@"env +SHARED=1 +<- ci/env\.yml:3", explained.Output);
        Assert.Contains("make check", explained.Output[explained.Output.IndexOf("The script", Ordinal)..], Ordinal);
        var origin = Json(json).GetProperty("origins").EnumerateArray().Single(one => one.Text("key") == "env");
        Assert.Equal(("ci/env.yml", 3), (origin.Text("file"), origin.GetProperty("line").GetInt32()));
    }

    [Fact]
    public async Task Import_writes_a_file_that_makes_the_same_jobs_and_never_over_another()
    {
        using var repository = Tree(
            "language: python\nsudo: false\npython: 3.11\ninstall: true\nscript: python -V\ndeploy: {provider: pypi}\n",
            ".travis.yml"
        );

        var shown = await CallAsync("config", "import", "tree/.travis.yml", "-o", "-");
        var written = await CallAsync("config", "import", "tree/.travis.yml", "-o", "tree/.testgrid.yml");
        var again = await CallAsync("config", "import", "tree/.travis.yml", "-o", "tree/.testgrid.yml");
        var matrix = await CallAsync("config", "matrix", "-C", "tree");

        Assert.True(shown.ExitCode == 0, shown.Errors);
        Assert.Contains("script: python -V", shown.Output, Ordinal);
        Assert.Contains("deploy", shown.Errors, Ordinal); // the report
        Assert.Equal(0, written.ExitCode);
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("--force", again.Errors, Ordinal);
        Assert.Equal(0, matrix.ExitCode);
        Assert.Equal(2, matrix.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task What_is_imported_from_another_repository_comes_from_the_folder_that_is_named()
    {
        using var repository = Tree("import: us/shared:c.yml\n");
        Write("shared/c.yml", "language: c\nscirpt: make shared\n");

        var alone = await CallAsync("config", "check", "-C", "tree");
        var named = await CallAsync("config", "check", "-C", "tree", "--import-from", "us/shared=shared");
        var matrix = await CallAsync("config", "matrix", "-C", "tree", "--import-from", "us/shared=shared");

        Assert.Equal(2, alone.ExitCode);
        Assert.Contains(".testgrid.yml:1:9: error TG0008: ", alone.Errors, Ordinal);
        Assert.Contains("--import-from us/shared=DIR", alone.Errors, Ordinal);
        Assert.Equal(0, named.ExitCode);
        Assert.Contains("us/shared:c.yml:2:1: warning TG0102: ", named.Errors, Ordinal);
        Assert.Contains("  2 | scirpt: make shared\n", named.Errors, Ordinal);
        Assert.Matches(@"\n1 +c", matrix.Output);
    }

    public void Dispose() => folder.Dispose();

    private static JsonElement Json(Called called) => JsonSerializer.Deserialize<JsonElement>(called.Output);

    private static bool Valid(JsonElement read) => read.GetProperty("valid").GetBoolean();

    private GitRepository Tree(string yaml, string name = ".testgrid.yml") =>
        new GitRepository(Path.Combine(folder.Path, "tree")).Write(name, yaml);

    private void Write(string path, string text)
    {
        var full = Path.Combine(folder.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }

    private Task<Called> CallAsync(params string[] arguments) => CallWithAsync("", arguments);

    private Task<Called> CallWithAsync(string input, params string[] arguments) =>
        CommandLine.CallAsync(folder.Path, new Dictionary<string, string>(), input, arguments, Stop);
}
