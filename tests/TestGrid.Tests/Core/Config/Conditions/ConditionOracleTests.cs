using System.Text.Json.Nodes;
using TestGrid.Core.Config.Conditions;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Config.Conditions;

/// <summary>Conditions beside Travis's own parser: the same tree, the same truth.</summary>
public sealed class ConditionOracleTests(ITestOutputHelper output)
{
    [Fact]
    public void The_named_conditions_read_and_hold_as_on_Travis()
    {
        var file = JsonNode.Parse(File.ReadAllText(Corpora.Need("travis/conditions.json")))!;
        var facts = Facts(file["data"]!);
        var (all, wrong) = (0, new List<string>());
        foreach (var vector in file["vectors"]!.AsArray())
        {
            all++;
            var text = (string)vector!["cond"]!;
            var reading = ConditionParser.Parse(text);
            var ours = reading.Condition is null ? "null" : Tree(reading.Condition).ToJsonString();
            var theirs = vector["ast"]?.ToJsonString() ?? "null";
            var holds = reading.Condition?.IsTrue(facts);
            if ((theirs != "null" && ours != theirs) || holds != (bool?)vector["result"])
                wrong.Add($"{text}\n  ours   {ours} {holds} {reading.Error}\n  theirs {theirs} {vector["result"]}");
        }

        output.WriteLine($"{all - wrong.Count} of {all} conditions read and hold as on Travis");
        wrong.ForEach(output.WriteLine);
        Assert.Empty(wrong);
    }

    [Fact]
    public void Real_conditions_read_and_hold_as_on_Travis()
    {
        var events = JsonNode.Parse(File.ReadAllText(Corpora.Need("travis/conditions_data.json")))!.AsObject();
        var facts = events.ToDictionary(pair => pair.Key, pair => Facts(pair.Value!));
        var (all, wrong) = (0, new List<string>());
        foreach (var line in Corpora.Lines("travis/conditions.jsonl.gz").Select(line => JsonNode.Parse(line)!))
        {
            all++;
            var text = (string)line["expr"]!;
            var reading = ConditionParser.Parse(text);
            var parses = (bool)line["parses"]!;
            var same =
                reading.Condition is not null == parses
                && (!parses || Tree(reading.Condition!).ToJsonString() == line["ast"]!.ToJsonString())
                && (
                    !parses
                    || line["eval"]!
                        .AsObject()
                        .All(pair =>
                            reading.Condition!.IsTrue(facts[pair.Key]) == (pair.Value!.ToString() == "true")
                            || pair.Value.GetValueKind() is System.Text.Json.JsonValueKind.String
                        )
                );
            if (!same)
                wrong.Add($"{text}\n  {reading}\n  {line["ast"]?.ToJsonString()} {line["eval"]?.ToJsonString()}");
        }

        output.WriteLine($"{all - wrong.Count} of {all} real conditions read and hold as on Travis");
        wrong.ForEach(output.WriteLine);
        Assert.True(wrong.Count <= 3, string.Join('\n', wrong.Take(20)));
    }

    private static ConditionFacts Facts(JsonNode data)
    {
        var env = data["env"] switch
        {
            JsonArray lines => lines
                .Select(line => ((string)line!).Split('=', 2))
                .ToDictionary(pair => pair[0], pair => pair[1].Trim('"', '\'')),
            JsonObject map => map.ToDictionary(pair => pair.Key, pair => (string)pair.Value!),
            _ => [],
        };
        return new ConditionFacts(name => data[name]?.ToString(), env.GetValueOrDefault);
    }

    private static JsonArray Tree(Condition condition) =>
        condition switch
        {
            Condition.Or(var left, var right) => ["or", Tree(left), Tree(right)],
            Condition.And(var left, var right) => ["and", Tree(left), Tree(right)],
            Condition.Not(var of) => ["not", Tree(of)],
            Condition.Equal(var left, var right, var not) => [not ? "not_eq" : "eq", Tree(left), Tree(right)],
            Condition.Matching(var left, var pattern, var not) =>
            [
                not ? "not_match" : "match",
                Tree(left),
                Tree(pattern),
            ],
            Condition.In(var left, var list, var not) =>
            [
                not ? "not_in" : "in",
                Tree(left),
                new JsonArray([.. list.Select(Tree)]),
            ],
            Condition.Is(var left, var predicate, var not) => [not ? "is_not" : "is", Tree(left), predicate],
            Condition.Literal(var text) => ["val", text],
            Condition.Named(var name) => ["var", name],
            Condition.Call(var function, var arguments) =>
            [
                "call",
                function,
                new JsonArray([.. arguments.Select(Tree)]),
            ],
            Condition.Pattern(Condition.Literal(var text)) => ["reg", text],
            Condition.Pattern(var source) => ["reg", Tree(source)],
            _ => throw new InvalidOperationException(),
        };
}
