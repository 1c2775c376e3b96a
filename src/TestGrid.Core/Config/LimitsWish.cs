using System.Globalization;
using System.Text.RegularExpressions;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Jobs;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>Limits that a configuration asks for; null where it does not. They can only lower the operator's.</summary>
public sealed record LimitsWish(TimeSpan? Time = null, TimeSpan? Silence = null, long? MemoryBytes = null)
{
    /// <summary>The operator's limits, lowered where this asks for less.</summary>
    public JobLimits Within(JobLimits most) =>
        most with
        {
            Time = Time is { } time && time < most.Time ? time : most.Time,
            Silence = Silence is { } silence && silence < most.Silence ? silence : most.Silence,
            MemoryBytes = MemoryBytes is { } bytes && bytes < most.MemoryBytes ? bytes : most.MemoryBytes,
        };
}

/// <summary>Reads <c>limits: {time: 20m, silence: 5m, memory: 2g}</c>.</summary>
internal static partial class LimitsReading
{
    public static LimitsWish? Read(YamlNode? node, Findings findings)
    {
        if (node is not YamlMap map)
            return null;
        return new LimitsWish(
            Time(map["time"], findings),
            Time(map["silence"], findings),
            Bytes(map["memory"], findings)
        );
    }

    private static TimeSpan? Time(YamlNode? node, Findings findings) =>
        Amount(node, findings, "a time", "write it as 90s, 20m or 1h") is not var (number, unit)
            ? null
            : unit switch
            {
                "s" => TimeSpan.FromSeconds(number),
                "m" or "" => TimeSpan.FromMinutes(number),
                "h" => TimeSpan.FromHours(number),
                _ => Bad<TimeSpan>(node!, findings, "a time", "write it as 90s, 20m or 1h"),
            };

    private static long? Bytes(YamlNode? node, Findings findings) =>
        Amount(node, findings, "a size", "write it as 512m or 2g") is not var (number, unit)
            ? null
            : unit switch
            {
                "m" => number * (1L << 20),
                "g" => number * (1L << 30),
                _ => Bad<long>(node!, findings, "a size", "write it as 512m or 2g"),
            };

    private static (int Number, string Unit)? Amount(YamlNode? node, Findings findings, string what, string remedy)
    {
        if (node is null)
            return null;
        var match = node is YamlScalar { Text: { } text } ? Form.Match(text) : Match.Empty;
        if (
            match.Success
            && int.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out var number)
            && number > 0
        )
            return (number, match.Groups[2].Value.ToLowerInvariant());
        Bad<int>(node, findings, what, remedy);
        return null;
    }

    private static T? Bad<T>(YamlNode node, Findings findings, string what, string remedy)
        where T : struct
    {
        findings.Warn(
            node.Mark,
            ProblemCode.BadValue,
            $"'{Shapes.Short(node.ToString()!)}' is not {what}: left out",
            remedy
        );
        return null;
    }

    [GeneratedRegex(@"^\s*([0-9]{1,6})\s*([smhgSMHG]?)\s*$")]
    private static partial Regex Form { get; }
}
