using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NJsonSchema;
using TestGrid.Core.Config;
using TestGrid.Core.Yaml;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Config;

/// <summary>The schema that editors use and the reader see the same examples, and may not disagree.</summary>
public sealed partial class SchemaExamplesTests(ITestOutputHelper output)
{
    // What is wrong with a file's form, whatever it means.
    private static readonly string[] Structural =
    [
        ProblemCode.UnknownKey,
        ProblemCode.MendedKey,
        ProblemCode.UnknownValue,
        ProblemCode.UnexpectedList,
        ProblemCode.WrongKind,
        ProblemCode.CommandIsMap,
        ProblemCode.BadValue,
    ];

    private static readonly string Folder = Path.Combine(Corpora.RepositoryRoot, "ci-config-schema");

    public static TheoryData<string> Valid => [.. Names("valid")];

    public static TheoryData<string> Invalid => [.. Names("invalid")];

    [Theory]
    [MemberData(nameof(Valid))]
    public async Task A_valid_example_has_no_problem_for_either(string name)
    {
        var bytes = await File.ReadAllBytesAsync(Path.Combine(Folder, "examples", "valid", name), Stop);

        var read = Assert.IsType<ConfigReading.Read>(CiConfigReader.Read(".testgrid.yml", bytes, Reading.Settings));
        Assert.Empty(read.Config.Problems);
        Assert.Empty(await SchemaProblemsAsync(bytes));
    }

    [Theory]
    [MemberData(nameof(Invalid))]
    public async Task An_invalid_example_has_its_problem_and_fails_the_schema_where_that_can_see_it(string name)
    {
        var bytes = await File.ReadAllBytesAsync(Path.Combine(Folder, "examples", "invalid", name), Stop);
        var text = await File.ReadAllTextAsync(Path.Combine(Folder, "examples", "invalid", name), Stop);
        var expected = Expect.Match(text);
        Assert.True(expected.Success, "the first line is `# expect: CODE LINE:COLUMN (why the schema cannot see it)`");

        Assert.Contains(expected.Groups[1].Value, Reading.Problems(text));
        var root = YamlTree.Read(bytes, new YamlLimits()).Root;
        var schemaProblems = root is null ? ["not YAML"] : await SchemaProblemsAsync(bytes);
        Assert.Equal(expected.Groups[2].Success && root is not null, schemaProblems.Count == 0);
    }

    /// <summary>What the schema finds wrong in real files, the reader tells too, and the other way round.</summary>
    [Fact]
    [Trait("Slow", "true")]
    public async Task Real_files_are_judged_alike()
    {
        var schema = await SchemaAsync();
        var (files, alike) = (0, 0);
        var only = new Dictionary<string, int>();
        foreach (var line in Corpora.Lines("travis/oracle.jsonl.xz"))
        {
            var text = (string)JsonNode.Parse(line)!["input_yaml"]!;
            var bytes = System.Text.Encoding.UTF8.GetBytes(text);
            if (YamlTree.Read(bytes, new YamlLimits()).Root is not YamlMap root)
                continue;
            files++;
            var reading = CiConfigReader.Read(".travis.yml", bytes, Reading.Settings);
            var problems = reading switch
            {
                ConfigReading.Read(var config) => config.Problems,
                ConfigReading.Refused(var refused) => refused,
                _ => [],
            };
            var ours = problems.Where(IsForTheSchema).ToList();
            var theirs = schema.Validate(Json(root)!.ToJsonString());
            if (ours.Count > 0 == theirs.Count > 0)
            {
                alike++;
                continue;
            }

            foreach (var what in ours.Select(one => $"reader {one.Code} {one.Key} {one.Message}").Take(1))
                only[what] = only.GetValueOrDefault(what) + 1;
            foreach (var what in theirs.Select(one => $"schema {one.Kind} {one.Path}").Take(1))
                only[what] = only.GetValueOrDefault(what) + 1;
        }

        output.WriteLine($"{alike} of {files} real files are judged alike by schema and reader");
        foreach (var (what, count) in only.OrderByDescending(pair => pair.Value).Take(60))
            output.WriteLine($"{count} {what}");
        // A list of one where one is meant, a null, an anchor's odd place: what is left is in single files.
        Assert.True(alike >= 0.99 * files, $"{alike} of {files}");
    }

    [Fact]
    public void Every_code_is_explained_in_the_manual()
    {
        var manual = File.ReadAllText(Path.Combine(Corpora.RepositoryRoot, "docs", "config.md"));
        var codes = typeof(ProblemCode).GetFields().Select(field => (string)field.GetValue(null)!).ToList();

        Assert.Equal(codes.Count, codes.Distinct().Count());
        Assert.All(codes, code => Assert.Contains($"| {code} |", manual, StringComparison.Ordinal));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static async Task<ICollection<string>> SchemaProblemsAsync(byte[] yaml)
    {
        var schema = await SchemaAsync();
        var json = Json(YamlTree.Read(yaml, new YamlLimits()).Root)?.ToJsonString() ?? "null";
        return [.. schema.Validate(json).Select(problem => problem.ToString())];
    }

    // The schema leaves open what nothing here acts on, and does not look into texts.
    private static bool IsForTheSchema(ConfigProblem problem) =>
        Structural.Contains(problem.Code)
        && !(problem.Key ?? "").Split('.').Any(part => part is "deploy" or "notifications" or "services")
        && !problem.Message.Contains("of 'deploy'", StringComparison.Ordinal)
        && !problem.Message.StartsWith("a quote in", StringComparison.Ordinal);

    private static Task<JsonSchema> SchemaAsync() =>
        JsonSchema.FromFileAsync(Path.Combine(Folder, "testgrid.schema.json"), Stop);

    // As an editor's YAML server reads it: plain words have types.
    private static JsonNode? Json(YamlNode? node) =>
        node switch
        {
            YamlMap map => new JsonObject(map.Entries.ToDictionary(entry => entry.Key, entry => Json(entry.Value))),
            YamlList list => new JsonArray([.. list.Items.Select(Json)]),
            YamlScalar { Text: { } text, IsPlain: true } => text switch
            {
                "true" => JsonValue.Create(true),
                "false" => JsonValue.Create(false),
                _ when decimal.TryParse(text, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
                _ => JsonValue.Create(text),
            },
            YamlScalar { Text: { } text } => JsonValue.Create(text),
            _ => null,
        };

    private static IEnumerable<string> Names(string folder) =>
        Directory.GetFiles(Path.Combine(Folder, "examples", folder)).Select(path => Path.GetFileName(path)).Order();

    [GeneratedRegex(@"\A# expect: (TG\d{4} \d+:\d+)(?: \((.+)\))?\n")]
    private static partial Regex Expect { get; }
}
