using System.Text.Json.Nodes;
using TestGrid.Core.Conformance;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Conformance;

/// <summary>
/// The reader beside Travis's own library, on what it said about real files. The floors only ever go up.
/// </summary>
public sealed class TravisOracleTests(ITestOutputHelper output)
{
    [Fact]
    public void Real_files_give_the_same_jobs_phases_and_normal_form()
    {
        var counts = Compared("oracle.jsonl.xz");

        Assert.Equal(counts.Files, counts.JobCountEqual);
        Assert.True(counts.JobsEqual >= 0.999 * counts.Files, $"{counts.JobsEqual} of {counts.Files}");
        Assert.True(counts.PhasesEqual >= 0.99 * counts.Phases, $"{counts.PhasesEqual} of {counts.Phases}");
        Assert.True(counts.ConfigEqual >= 0.995 * counts.Configs, $"{counts.ConfigEqual} of {counts.Configs}");
    }

    [Fact]
    public void The_librarys_own_specs_give_the_same()
    {
        var counts = Compared("travis-yml-spec.jsonl.gz");

        Assert.True(counts.SpecsEqual >= 721, $"{counts.SpecsEqual} of {counts.Specs}");
    }

    [Fact]
    public void The_named_vectors_give_the_same()
    {
        var counts = Compared("vectors.json");

        Assert.Equal(counts.Files, counts.JobsEqual);
        Assert.Equal(counts.Files, counts.ConfigEqual);
    }

    [Theory]
    [InlineData("conditions.json", 0)]
    [InlineData("conditions.jsonl.gz", 0)]
    public void Conditions_read_and_hold_as_on_Travis(string file, int differing)
    {
        var counts = Compared(file);

        Assert.True(counts.ConditionsEqual >= counts.Conditions - differing);
    }

    [Fact]
    public void Lines_of_variables_are_taken_apart_as_on_Travis()
    {
        var counts = Compared("env-lines.jsonl.gz");

        Assert.Equal(counts.EnvLines, counts.EnvLinesEqual);
    }

    private ConformanceCounts Compared(string file)
    {
        var events = JsonNode
            .Parse(File.ReadAllText(Corpora.Need("travis/conditions_data.json")))!
            .AsObject()
            .ToDictionary(pair => pair.Key, pair => pair.Value!.AsObject());
        var run = new ConformanceRun(events);
        var lines = file.EndsWith(".json", StringComparison.Ordinal)
            ? Whole(JsonNode.Parse(File.ReadAllText(Corpora.Need("travis/" + file)))!)
            : Corpora
                .Lines("travis/" + file)
                .Where(line => line.Length > 0)
                .Select(line => JsonNode.Parse(line)!.AsObject());
        foreach (var line in lines)
            Assert.True(run.Add(line), $"a line of no known form: {line}");
        foreach (var difference in run.Differences)
            output.WriteLine(difference.ToString());
        return run.Counts;
    }

    private static IEnumerable<JsonObject> Whole(JsonNode node) =>
        node is JsonArray list ? list.OfType<JsonObject>() : [node.AsObject()];
}
