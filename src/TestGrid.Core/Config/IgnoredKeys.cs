using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>Says once, with its line, what a configuration asks for and TestGrid does not do.</summary>
internal static class IgnoredKeys
{
    private static readonly (string Key, string Why)[] Keys =
    [
        ("import", "'import' is not read yet: the imported parts are missing"),
        ("deploy", "'deploy' is not run: TestGrid tests"),
        ("before_deploy", "'before_deploy' is not run, because 'deploy' is not"),
        ("after_deploy", "'after_deploy' is not run, because 'deploy' is not"),
        ("cache", "'cache' keeps nothing yet: every job starts without"),
        ("workspaces", "'workspaces' carry nothing yet"),
        ("notifications", "'notifications' are not sent yet"),
        ("services", "'services' are not started yet"),
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
        foreach (var (key, why) in Keys)
        {
            // `cache: false` asks for what happens anyway.
            if (map.Entry(key) is { } entry && entry.Value is not YamlScalar { Text: "false" })
                findings.Warn(entry.Mark, ProblemCode.Ignored, where + why);
        }

        if (map["addons"] is not YamlMap addons)
            return;
        if (addons["apt"] is YamlMap apt && apt.Entry("sources") is { } sources)
            findings.Warn(
                sources.Mark,
                ProblemCode.Ignored,
                $"{where}'addons.apt.sources' are not used: Debian's own are"
            );
        foreach (var entry in addons.Entries.Where(entry => entry.Key is not ("apt" or "apt_packages")))
            findings.Warn(
                entry.Mark,
                ProblemCode.Ignored,
                $"{where}the addon '{Schema.Shapes.Short(entry.Key)}' is not here yet"
            );
    }
}
