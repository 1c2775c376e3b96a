using System.Collections.Frozen;
using System.Text.Json.Nodes;

namespace TestGrid.Core.Conformance;

/// <summary>
/// The phases that a configuration gives, as Travis's compiler has them: which command is asserted, in which fold.
/// </summary>
internal static class PhaseForm
{
    private static readonly string[] Phases =
    [
        "before_install",
        "install",
        "before_script",
        "script",
        "before_cache",
        "after_success",
        "after_failure",
        "after_script",
    ];

    private static readonly FrozenSet<string> Asserted = ["before_install", "install", "before_script"];

    /// <summary>The phases of a job in <see cref="JobForm"/>; those of the language's own are not among them.</summary>
    public static JsonObject Of(JsonObject job)
    {
        var form = new JsonObject();
        foreach (var phase in Phases)
        {
            if (job[phase] is JsonArray { Count: > 0 } commands && !IsSkip(commands))
                form[phase] = phase == "script" ? Script(commands) : Folded(phase, commands);
        }

        return form;
    }

    /// <summary>Their phases without those that the configuration does not give.</summary>
    public static JsonObject Given(JsonObject theirs, JsonObject job) =>
        new(
            theirs
                .Where(pair => job[pair.Key] is JsonArray { Count: > 0 })
                .Select(pair => KeyValuePair.Create(pair.Key, pair.Value?.DeepClone()))
        );

    private static bool IsSkip(JsonArray commands) => commands is [{ } only] && only.ToString() is "skip" or "ignore";

    private static JsonArray Script(JsonArray commands) =>
        new([
            .. commands.SelectMany(command =>
                (JsonNode[])
                    [new JsonObject { ["cmd"] = command!.DeepClone() }, new JsonObject { ["raw"] = "travis_result $?" }]
            ),
        ]);

    private static JsonArray Folded(string phase, JsonArray commands) =>
        new([
            .. commands.Select(
                (command, at) =>
                {
                    var body = new JsonObject { ["cmd"] = command!.DeepClone() };
                    if (Asserted.Contains(phase))
                        body["assert"] = true;
                    return new JsonObject
                    {
                        ["fold"] = commands.Count == 1 ? phase : $"{phase}.{at + 1}",
                        ["body"] = new JsonArray(body),
                    };
                }
            ),
        ]);
}
