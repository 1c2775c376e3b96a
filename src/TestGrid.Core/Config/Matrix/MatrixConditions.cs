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
    private readonly ConditionEvent? happened =
        settings.Event ?? (settings.Trigger is { } trigger ? ConditionEvent.Of(trigger, settings.Slug) : null);

    private readonly Dictionary<string, Condition?> parsed = new(StringComparer.Ordinal);

    /// <summary>
    /// Does the condition in <paramref name="node"/> hold for a job of these keys? No condition holds.
    /// </summary>
    public bool Holds(YamlNode? node, YamlMap job, IEnumerable<YamlNode>? ownEnv = null)
    {
        if (node is not YamlScalar { Text: { } text })
            return true;
        // For Travis one that cannot be read is false; here it is an error too.
        if (Parsed(text, node.Mark) is not { } condition)
            return false;
        if (happened is not { } about)
            return true;
        var env = globalEnv.Concat(ownEnv ?? (job["env"] is YamlList own ? own.Items : []));
        return condition.IsTrue(
            new ConditionFacts(
                name => Fact(name, about, job),
                name => Variable(name, env) ?? about.Env.GetValueOrDefault(name)
            )
        );
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

    private static string? Fact(string name, ConditionEvent happened, YamlMap job) =>
        name switch
        {
            "os" => (job["os"] as YamlScalar)?.Text ?? "linux",
            "dist" or "group" or "sudo" or "language" => (job[name] as YamlScalar)?.Text,
            _ => happened.Fact(name),
        };

    private static string? Variable(string name, IEnumerable<YamlNode> env) =>
        env.OfType<YamlMap>().Select(map => (map[name] as YamlScalar)?.Text).LastOrDefault(value => value is not null)
            is { } value
            ? Unquoted(value)
            : null;

    private static string Unquoted(string value) => value is ['"', .., '"'] or ['\'', .., '\''] ? value[1..^1] : value;
}
