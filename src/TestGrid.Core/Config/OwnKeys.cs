using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>Says of TestGrid's own keys which of them nothing acts on yet: they are checked, and do not fail silently.</summary>
internal static class OwnKeys
{
    private static readonly (string Key, string Why)[] NotYet =
    [
        ("reports", "'reports' is checked, and no report is read yet: the exit codes decide"),
        ("retry", "'retry' is checked, and no job is tried again by itself yet"),
        ("fail_fast", "'fail_fast' is checked, and a failed job ends no other yet"),
        ("max_parallel", "'max_parallel' is checked, and only the runners' slots count yet"),
    ];

    public static void Tell(YamlMap root, Findings findings)
    {
        Tell(root, "", findings);
        if (root["jobs"] is YamlMap jobs && jobs["include"] is YamlList included)
        {
            foreach (var job in included.Items.OfType<YamlMap>())
                Tell(job, "jobs.include: ", findings);
        }
    }

    private static void Tell(YamlMap map, string where, Findings findings)
    {
        foreach (var (key, why) in NotYet)
        {
            // What asks for nothing is not worth a word.
            if (map.Entry(key) is { } entry && entry.Value is not YamlScalar { Text: "false" or "0" })
                findings.Warn(entry.Mark, ProblemCode.NotYet, where + why);
        }
    }
}
