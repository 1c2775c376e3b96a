using System.Text.Json;
using System.Text.Json.Nodes;
using TestGrid.Core.Config;
using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Conformance;

/// <summary>Brings our jobs and those of Travis's own library to one text each, to compare them in order.</summary>
internal static class JobForm
{
    private static readonly string[] Compared =
    [
        "language",
        "dist",
        .. KeyTable.Axes.Select(axis => axis.Key),
        "name",
        "stage",
        .. KeyTable.Phases,
    ];

    public static List<string> Ours(ExpandedConfig? config) =>
        config is null ? [] : [.. config.Jobs.Select(job => Text(job, config.GlobalEnv))];

    public static List<string> Theirs(JsonArray jobs) => [.. jobs.Select(job => Text(job!.AsObject()))];

    // The library leaves a command that YAML took for a mapping as one; ours is the text that was meant.
    public static JsonArray Commands(JsonNode value) =>
        new([
            .. (value as JsonArray ?? [value.DeepClone()]).SelectMany(item =>
                item is JsonObject map
                    ? map.Select(pair => (JsonNode)JsonValue.Create($"{pair.Key}: {pair.Value}".TrimEnd()))
                    : [Strings(item)]
            ),
        ]);

    private static string Text(MatrixJob job, IEnumerable<YamlNode> global)
    {
        var text = new JsonObject();
        foreach (var key in Compared)
        {
            if (job.Keys[key] is { } value)
                text[key] = Strings(NormalForm.Of(value));
        }

        var env = global
            .Concat(job.Keys["env"] is YamlList own ? own.Items : [])
            .Distinct()
            .Select(item => Strings(NormalForm.Of(item)))
            .ToArray();
        if (env.Length > 0)
            text["env"] = new JsonArray(env);
        if (job.AllowFailure)
            text["allow_failure"] = true;
        return NormalForm.Text(text);
    }

    private static string Text(JsonObject job)
    {
        var text = new JsonObject();
        foreach (var key in Compared)
        {
            if (job[key] is { } value)
                text[key] = KeyTable.Phases.Contains(key) ? Commands(value) : Strings(value);
        }

        if (job["env"] is JsonArray { Count: > 0 } env)
            text["env"] = new JsonArray([.. env.Select(Strings)]);
        if (job["allow_failure"]?.ToString() == "true")
            text["allow_failure"] = true;
        return NormalForm.Text(text);
    }

    private static JsonNode Strings(JsonNode? node) =>
        node switch
        {
            JsonArray list => new JsonArray([.. list.Select(Strings)]),
            JsonObject map => new JsonObject(
                map.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)Strings(pair.Value)))
            ),
            null => JsonValue.Create(""),
            _ => JsonValue.Create(node.GetValueKind() == JsonValueKind.String ? (string)node! : node.ToJsonString()),
        };
}
