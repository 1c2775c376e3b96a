using TestGrid.Core.Config.Schema;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>
/// Says once, with its line, what a configuration asks for and nothing here acts on: Travis's keys, and those of
/// TestGrid's own that are only checked yet. Nothing fails silently.
/// </summary>
internal static class UnusedKeys
{
    private static readonly (string Key, string Code, string Why)[] Keys =
    [
        ("cache", ProblemCode.Ignored, "'cache' keeps nothing yet: every job starts without"),
        ("workspaces", ProblemCode.Ignored, "'workspaces' carry nothing yet"),
        ("notifications", ProblemCode.Ignored, "'notifications' are not sent yet"),
        ("reports", ProblemCode.NotYet, "'reports' is checked, and no report is read yet: the exit codes decide"),
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
        foreach (var (key, code, why) in Keys)
        {
            // What asks for what happens anyway is not worth a word: `cache: false`.
            if (map.Entry(key) is { } entry && entry.Value is not YamlScalar { Text: "false" })
                findings.Warn(entry.Mark, code, where + why);
        }

        TellDeploy(map, where, findings);
        if (map["addons"] is not YamlMap addons)
            return;
        if (addons["apt"] is YamlMap apt && apt.Entry("sources") is { } sources)
            findings.Warn(
                sources.Mark,
                ProblemCode.Ignored,
                $"{where}'addons.apt.sources' are not used: Debian's own are"
            );
        foreach (var entry in addons.Entries.Where(entry => entry.Key is not ("apt" or "apt_packages")))
        {
            if (ServiceChoice.IsAddon(entry.Key) || JobAddons.Has(entry.Key, entry.Value))
                continue;
            findings.Warn(
                entry.Mark,
                ProblemCode.Ignored,
                $"{where}the addon '{Shapes.Short(entry.Key)}' is not here yet"
            );
        }
    }

    private static void TellDeploy(YamlMap map, string where, Findings findings)
    {
        if (map.Entry("deploy") is not { } deploy)
            return;
        var entries = (deploy.Value as YamlList)?.Items.OfType<YamlMap>().ToArray() ?? [];
        var skipped = entries.Where(one => one["provider"] is not YamlScalar { Text: "script" }).ToArray();
        foreach (var entry in skipped)
            findings.Warn(
                // The key's own line when nothing of it runs.
                skipped.Length == entries.Length
                    ? deploy.Mark
                    : entry.Mark,
                ProblemCode.Ignored,
                $"{where}the deployment by '{Shapes.Short(entry["provider"]?.ToString() ?? "")}' is skipped: "
                    + "TestGrid tests, and runs the provider 'script' only"
            );
    }
}
