using System.Text.Json.Nodes;
using TestGrid.Core.Config.Schema;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Config.Schema;

public sealed class EnvLineTests(ITestOutputHelper output)
{
    [Fact]
    public void Real_lines_are_taken_apart_as_on_Travis()
    {
        var (all, wrong) = (0, new List<string>());
        foreach (var line in Corpora.Lines("travis/env-lines.jsonl.gz").Select(line => JsonNode.Parse(line)!))
        {
            all++;
            var text = (string)line["input"]!;
            var ours = new JsonArray([
                .. (EnvLine.Parse(text) ?? []).Select(pair => (JsonNode)new JsonArray(pair.Name, pair.Value)),
            ]).ToJsonString();
            if (ours != line["expected"]!.ToJsonString())
                wrong.Add($"{text}\n  {ours}\n  {line["expected"]!.ToJsonString()}");
        }

        output.WriteLine($"{all - wrong.Count} of {all} lines are taken apart as on Travis");
        wrong.ForEach(output.WriteLine);
        Assert.True(wrong.Count <= 20, $"{wrong.Count} of {all} lines differ");
    }
}
