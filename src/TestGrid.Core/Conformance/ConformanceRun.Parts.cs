using System.Text.Json.Nodes;
using TestGrid.Core.Config.Conditions;
using TestGrid.Core.Config.Schema;

namespace TestGrid.Core.Conformance;

/// <summary>Lines that are no whole configuration: conditions and texts of variables.</summary>
public sealed partial class ConformanceRun
{
    private void Condition(string text, JsonNode? tree, bool parses, JsonObject? truths)
    {
        Counts.Conditions++;
        var reading = ConditionParser.Parse(text);
        var ours = reading.Condition is null ? null : ConditionForm.Of(reading.Condition);
        string? wrong =
            (ours is not null) != parses ? "parses"
            : parses && !JsonNode.DeepEquals(ours, tree) ? "tree"
            : null;
        foreach (var (happened, truth) in truths ?? [])
        {
            if (wrong is null && parses && truth is JsonValue value && value.TryGetValue<bool>(out var holds))
                wrong =
                    reading.Condition!.IsTrue(OracleEvent.Facts(events[happened])) == holds
                        ? null
                        : $"truth for {happened}";
        }

        if (wrong is null)
            Counts.ConditionsEqual++;
        else
            differences.Add(
                new ConformanceDifference(
                    text,
                    "condition",
                    wrong,
                    ours is null ? reading.Error ?? "" : Difference.Short(ours),
                    Difference.Short(tree)
                )
            );
    }

    private void Vectors(JsonArray vectors, JsonObject data)
    {
        var facts = OracleEvent.Facts(data);
        foreach (var vector in vectors.OfType<JsonObject>())
        {
            Counts.Conditions++;
            var text = (string)vector["cond"]!;
            var reading = ConditionParser.Parse(text);
            var ours = reading.Condition is null ? null : ConditionForm.Of(reading.Condition);
            var isSame =
                (vector["ast"] is null || JsonNode.DeepEquals(ours, vector["ast"]))
                && reading.Condition?.IsTrue(facts) == (bool?)vector["result"];
            if (isSame)
                Counts.ConditionsEqual++;
            else
                differences.Add(
                    new ConformanceDifference(
                        text,
                        "condition",
                        "",
                        Difference.Short(ours),
                        Difference.Short(vector["ast"])
                    )
                );
        }
    }

    private void EnvText(string text, JsonArray theirs)
    {
        Counts.EnvLines++;
        var ours = new JsonArray([
            .. (EnvLine.Parse(text) ?? []).Select(pair => (JsonNode)new JsonArray(pair.Name, pair.Value)),
        ]);
        if (JsonNode.DeepEquals(ours, theirs))
            Counts.EnvLinesEqual++;
        else
            differences.Add(
                new ConformanceDifference(text, "env line", "", Difference.Short(ours), Difference.Short(theirs))
            );
    }
}
