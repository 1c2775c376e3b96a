using System.Globalization;
using System.Text.RegularExpressions;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Jobs;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>Limits that a configuration asks for; null where it does not. They can only lower the operator's.</summary>
/// <param name="Time">The most time.</param>
/// <param name="Silence">The longest time without output.</param>
/// <param name="MemoryBytes">Memory.</param>
/// <param name="DiskBytes">What it may write.</param>
/// <param name="Processes">Processes and threads at once.</param>
/// <param name="Cpus">Processors' worth of time.</param>
public sealed record LimitsWish(
    TimeSpan? Time = null,
    TimeSpan? Silence = null,
    long? MemoryBytes = null,
    long? DiskBytes = null,
    int? Processes = null,
    double? Cpus = null
)
{
    /// <summary>The operator's limits, lowered where this asks for less.</summary>
    public JobLimits Within(JobLimits most) =>
        most with
        {
            Time = Time is { } time && time < most.Time ? time : most.Time,
            Silence = Silence is { } silence && silence < most.Silence ? silence : most.Silence,
            MemoryBytes = MemoryBytes is { } bytes && bytes < most.MemoryBytes ? bytes : most.MemoryBytes,
            DiskBytes = DiskBytes is { } disk && disk < most.DiskBytes ? disk : most.DiskBytes,
            Processes = Processes is { } processes && processes < most.Processes ? processes : most.Processes,
            Cpus = Cpus is { } cpus && (most.Cpus == 0 || cpus < most.Cpus) ? cpus : most.Cpus,
        };
}

/// <summary>
/// Reads <c>timeout: 20m</c>, <c>no_output_timeout: 5m</c> and <c>resources: {memory: 2g, cpus: 1}</c>; also their older form,
/// <c>limits: {time: 20m, silence: 5m, memory: 2g}</c>.
/// </summary>
internal static partial class LimitsReading
{
    public static LimitsWish? Read(YamlMap job, Findings findings)
    {
        var (limits, resources) = (job["limits"] as YamlMap, job["resources"] as YamlMap);
        var wish = new LimitsWish(
            Time(job["timeout"] ?? limits?["time"], findings),
            Time(job["no_output_timeout"] ?? limits?["silence"], findings),
            Bytes(resources?["memory"] ?? limits?["memory"], findings),
            Bytes(resources?["disk"], findings),
            (int?)Number(resources?["processes"], findings, isWhole: true),
            Number(resources?["cpus"], findings, isWhole: false)
        );
        return wish == new LimitsWish() && limits is null ? null : wish;
    }

    /// <summary>A whole number between two others; what is none is told and left out.</summary>
    public static int? Whole(YamlNode? node, int least, int most, Findings findings)
    {
        if (node is null)
            return null;
        return
            node is YamlScalar { Text: { } text }
            && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= least
            && number <= most
            ? number
            : Bad<int>(node, findings, $"a whole number from {least} to {most}", $"write it as {least}");
    }

    private static double? Number(YamlNode? node, Findings findings, bool isWhole)
    {
        if (node is null)
            return null;
        return
            node is YamlScalar { Text: { } text }
            && double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number is > 0 and <= 1_000_000
            && (!isWhole || number == Math.Floor(number))
            ? number
            : Bad<double>(node, findings, "a number above 0", isWhole ? "write it as 500" : "write it as 2 or 0.5");
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
