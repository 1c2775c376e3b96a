using TestGrid.Core.Builds;
using TestGrid.Core.Config.Conditions;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Matrix;

/// <summary>
/// Evaluates every <c>if</c> for what the build is for. One that cannot be read stops the build, with its place: a
/// job that
/// vanishes because of a missing bracket is found out too late. Without a trigger every condition holds.
/// </summary>
internal sealed class MatrixConditions(ConfigSettings settings, IEnumerable<YamlNode> globalEnv, Findings findings)
{
    private readonly Dictionary<string, Condition?> parsed = new(StringComparer.Ordinal);

    /// <summary>
    /// Does the condition in <paramref name="node"/> hold for a job of these keys? No condition holds.
    /// </summary>
    public bool Holds(YamlNode? node, YamlMap job, IEnumerable<YamlNode>? ownEnv = null)
    {
        if (node is not YamlScalar { Text: { } text } || Parsed(text, node.Mark) is not { } condition)
            return true;
        if (settings.Trigger is not { } trigger)
            return true;
        var env = globalEnv.Concat(ownEnv ?? (job["env"] is YamlList own ? own.Items : []));
        return condition.IsTrue(new ConditionFacts(name => Fact(name, trigger, job), name => Variable(name, env)));
    }

    private Condition? Parsed(string text, YamlMark mark)
    {
        if (parsed.TryGetValue(text, out var known))
            return known;
        var reading = ConditionParser.Parse(text);
        if (reading.Error is not null)
            findings.Error(
                mark,
                ProblemCode.BadCondition,
                $"the condition '{Shapes.Short(text)}' cannot be read: {reading.Error}"
            );
        if (reading.Warning is not null)
            findings.Warn(mark, ProblemCode.OddCondition, $"in the condition '{Shapes.Short(text)}' {reading.Warning}");
        return parsed[text] = reading.Condition;
    }

    private string? Fact(string name, Trigger trigger, YamlMap job) =>
        name switch
        {
            "type" => trigger.Kind is TriggerKind.Manual ? "api" : "push",
            "repo" => settings.Slug,
            "branch" => trigger.Commit.Branch ?? trigger.Commit.Tag,
            "tag" => trigger.Commit.Tag,
            "commit_message" => trigger.Commit.Message,
            "sender" => trigger.Commit.Author,
            "fork" => "false",
            "os" => (job["os"] as YamlScalar)?.Text ?? "linux",
            "dist" or "group" or "sudo" or "language" => (job[name] as YamlScalar)?.Text,
            _ => null,
        };

    private static string? Variable(string name, IEnumerable<YamlNode> env) =>
        env.OfType<YamlMap>().Select(map => (map[name] as YamlScalar)?.Text).LastOrDefault(value => value is not null)
            is { } value
            ? Unquoted(value)
            : null;

    private static string Unquoted(string value) => value is ['"', .., '"'] or ['\'', .., '\''] ? value[1..^1] : value;
}
