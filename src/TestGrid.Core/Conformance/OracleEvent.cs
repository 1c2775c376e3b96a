using System.Collections.Immutable;
using System.Text.Json.Nodes;
using TestGrid.Core.Config.Conditions;

namespace TestGrid.Core.Conformance;

/// <summary>What an oracle says of the event that a line is for.</summary>
internal static class OracleEvent
{
    public static ConditionEvent Of(JsonObject data) =>
        new((string?)data["type"] ?? "push", (string?)data["repo"] ?? "owner/name", (string?)data["branch"])
        {
            Tag = (string?)data["tag"],
            CommitMessage = (string?)data["commit_message"],
            Sender = (string?)data["sender"],
            Fork = data["fork"]?.ToString(),
            HeadRepo = (string?)data["head_repo"],
            HeadBranch = (string?)data["head_branch"],
            Env = Env(data),
        };

    public static ConditionFacts Facts(JsonObject data)
    {
        var env = Env(data);
        return new ConditionFacts(name => data[name]?.ToString(), env.GetValueOrDefault);
    }

    private static ImmutableDictionary<string, string> Env(JsonObject data) =>
        data["env"] switch
        {
            JsonArray lines => lines
                .Select(line => line!.ToString().Split('=', 2))
                .ToImmutableDictionary(pair => pair[0], pair => pair.ElementAtOrDefault(1)?.Trim('"', '\'') ?? ""),
            JsonObject map => map.ToImmutableDictionary(pair => pair.Key, pair => pair.Value?.ToString() ?? ""),
            _ => ImmutableDictionary<string, string>.Empty,
        };
}
