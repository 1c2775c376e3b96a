using System.Collections.Immutable;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>Turns shaped <c>env</c> items into variables; encrypted ones are left out, and said.</summary>
internal sealed class JobEnv(Findings findings)
{
    /// <summary>Global variables and then the job's own; a repeated item counts once.</summary>
    /// <param name="global">Items of <c>env.global</c>.</param>
    /// <param name="own">The job's items, or null.</param>
    /// <param name="secure">Gets a name, or <c>?</c>, for each encrypted variable.</param>
    public ImmutableArray<EnvVar> Read(ImmutableArray<YamlNode> global, YamlNode? own, List<string> secure)
    {
        var vars = ImmutableArray.CreateBuilder<EnvVar>();
        var seen = new HashSet<YamlNode>();
        foreach (
            var (item, isOwn) in global.Select(item => (item, false)).Concat(Own(own).Select(item => (item, true)))
        )
        {
            if (item is not YamlMap map || !seen.Add(map))
                continue;
            foreach (var entry in map.Entries)
            {
                if (entry.Key == "secure" || entry.Value is YamlMap { Entries: [{ Key: "secure" }] })
                    Secure(entry, secure);
                else if (entry.Value is YamlScalar { Text: var value })
                    vars.AddRange(Set(entry.Key, value ?? "").Select(set => new EnvVar(set.Name, set.Value, isOwn)));
            }
        }

        return vars.ToImmutable();
    }

    /// <summary>A job's own variables as people read them: <c>MODE=fast COLOR=red</c>.</summary>
    public static string? Text(YamlNode? own)
    {
        var texts = Own(own)
            .OfType<YamlMap>()
            .SelectMany(map => map.Entries)
            .Select(entry =>
                entry.Key == "secure" ? "[secure]"
                : entry.Value is YamlMap ? $"{entry.Key}=[secure]"
                : $"{entry.Key}={entry.Value}"
            )
            .ToList();
        return texts.Count == 0 ? null : string.Join(' ', texts);
    }

    private static ImmutableArray<YamlNode> Own(YamlNode? own) => own is YamlList list ? list.Items : [];

    private void Secure(YamlEntry entry, List<string> secure)
    {
        var name = entry.Key == "secure" ? "?" : entry.Key;
        secure.Add(name);
        findings.Warn(
            entry.Mark,
            ProblemCode.SecureValue,
            (name == "?" ? "an encrypted variable" : $"the encrypted variable '{Shapes.Short(name)}'")
                + " is left out: only the service it was encrypted for can read it",
            "give the value to the repository's secrets: testgrid secret set REPOSITORY NAME"
        );
    }

    // `PATH=${PATH}:x MODE=fast` is one value here, as on Travis, and two variables for bash.
    private static List<(string Name, string Value)> Set(string name, string value) =>
        !EnvLine.IsWord(value) && EnvLine.Exported(name, value) is { Count: > 1 } several
            ? several
            : [(name, Word(value))];

    // In a mapping people write `FLAGS: -O2 -g`, which as a bare bash word would be two: it is quoted, references
    // still expand.
    private static string Word(string value) =>
        EnvLine.IsWord(value)
            ? value
            : "\""
                + value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
                + "\"";
}
