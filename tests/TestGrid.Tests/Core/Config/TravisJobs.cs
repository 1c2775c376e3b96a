using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Yaml;

namespace TestGrid.Tests.Core.Config;

/// <summary>Brings our jobs and those of Travis's own library to one text each, to compare them in order.</summary>
internal static class TravisJobs
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

    // What the recordings were made for.
    private static readonly Trigger Push = new(
        TriggerKind.Push,
        new CommitRef(new string('a', 40), "refs/heads/master", "fix the build", "dev")
    );

    /// <summary>Our jobs; none when the reader refuses.</summary>
    public static List<string> Ours(string yaml, ConfigSettings? settings = null)
    {
        settings ??= new ConfigSettings([], Push, "owner/name") { MaxCells = 2000, MaxBytes = 1 << 20 };
        var findings = new Findings(".travis.yml");
        var expanded = CiConfigReader.Expand(".travis.yml", Encoding.UTF8.GetBytes(yaml), settings, findings);
        return expanded is null ? [] : [.. expanded.Jobs.Select(job => Text(job, expanded.GlobalEnv))];
    }

    /// <summary>What Travis's library says.</summary>
    public static List<string> Theirs(JsonArray jobs) => [.. jobs.Select(job => Text(job!.AsObject()))];

    private static string Text(MatrixJob job, IEnumerable<YamlNode> global)
    {
        var text = new JsonObject();
        foreach (var key in Compared)
        {
            if (job.Keys[key] is { } value)
                text[key] = Json(value);
        }

        if ((string?)text["os"] == "linux" && text["dist"] is null)
            text["dist"] = "focal";
        var env = global.Concat(job.Keys["env"] is YamlList own ? own.Items : []).Distinct().Select(Json).ToArray();
        if (env.Length > 0)
            text["env"] = new JsonArray(env);
        if (job.AllowFailure)
            text["allow_failure"] = true;
        return Sorted(text.Select(pair => (pair.Key, pair.Value!.DeepClone()))).ToJsonString();
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
        return Sorted(text.Select(pair => (pair.Key, pair.Value!.DeepClone()))).ToJsonString();
    }

    // The library leaves a command that YAML took for a mapping as one; ours is the text that was meant.
    private static JsonArray Commands(JsonNode value) =>
        new([
            .. (value as JsonArray ?? [value.DeepClone()]).Select(item =>
                item is JsonObject map
                    ? JsonValue.Create(string.Join(" ", map.Select(pair => $"{pair.Key}: {pair.Value}".TrimEnd())))
                    : Strings(item!)
            ),
        ]);

    private static JsonNode Strings(JsonNode? node) =>
        node switch
        {
            JsonArray list => new JsonArray([.. list.Select(Strings)]),
            JsonObject map => Sorted(map.Select(pair => (pair.Key, Strings(pair.Value)))),
            null => JsonValue.Create(""),
            _ => JsonValue.Create(node.GetValueKind() == JsonValueKind.String ? (string)node! : node.ToJsonString()),
        };

    private static JsonNode Json(YamlNode node) =>
        node switch
        {
            YamlList list => new JsonArray([.. list.Items.Select(Json)]),
            YamlMap map => Sorted(map.Entries.Select(entry => (entry.Key, Json(entry.Value)))),
            _ => JsonValue.Create(node.ToString()!),
        };

    private static JsonObject Sorted(IEnumerable<(string Key, JsonNode Value)> pairs) =>
        new(
            pairs
                .OrderBy(pair => pair.Key, StringComparer.Ordinal)
                .Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))
        );
}
