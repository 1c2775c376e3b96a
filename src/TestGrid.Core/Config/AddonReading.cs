using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>Which of a job's addons mean something here, and what is missing of the rest.</summary>
internal static class AddonReading
{
    /// <summary>What <see cref="Missing"/> calls sources of packages that are not Debian's.</summary>
    public const string Sources = "apt.sources";

    /// <summary>The package of a browser's vendor, for which Debian's own is the nearest.</summary>
    private static readonly (string Addon, string Package)[] Browsers =
    [
        ("chrome", "google-chrome-stable"),
        ("firefox", "firefox"),
    ];

    // For other systems: they do nothing on Linux, on Travis neither.
    private static readonly string[] Elsewhere = ["homebrew"];

    /// <summary>Whether the nearest version of everything is wanted.</summary>
    public static bool IsNearest(MatrixJob job, ConfigSettings settings) =>
        job.Text("versions") is { } wish ? wish == "nearest" : settings.NearestVersions;

    /// <summary>The packages of the browsers that it asks for.</summary>
    public static IEnumerable<string> BrowserPackages(MatrixJob job) =>
        job.Keys["addons"] is YamlMap addons
            ? Browsers.Where(one => IsOn(addons[one.Addon])).Select(one => one.Package)
            : [];

    /// <summary>The addons that are not here, <c>apt.sources</c> among them.</summary>
    /// <param name="job">The job.</param>
    /// <param name="branch">The branch that is built.</param>
    /// <param name="isNearest">Browsers and packages of other sources may be the nearest that Debian has.</param>
    public static IEnumerable<string> Missing(MatrixJob job, string? branch, bool isNearest)
    {
        if (job.Keys["addons"] is not YamlMap addons)
            yield break;
        if (!isNearest && (addons["apt"] as YamlMap)?["sources"] is YamlList { Items.IsEmpty: false })
            yield return Sources;
        foreach (var entry in addons.Entries)
        {
            var isHere =
                entry.Key is "apt" or "apt_packages"
                || Elsewhere.Contains(entry.Key)
                || ServiceChoice.IsAddon(entry.Key) // told and counted with the services
                || JobAddons.Has(entry.Key, entry.Value)
                || !IsOn(entry.Value)
                || (isNearest && Browsers.Any(one => one.Addon == entry.Key))
                || (entry.Key == "coverity_scan" && !IsScanned(entry.Value, branch));
            if (!isHere)
                yield return entry.Key;
        }
    }

    private static bool IsOn(YamlNode? node) =>
        node is not null && ValueTable.Truth((node as YamlScalar)?.Text) != false;

    // Coverity's scan replaces the build of branches that its pattern matches, and is nothing to the others.
    private static bool IsScanned(YamlNode node, string? branch)
    {
        if ((node as YamlMap)?["branch_pattern"] is not YamlScalar { Text: { } pattern })
            return true;
        // Every pattern that is a plain name or a list of names; what else it may be is not guessed at.
        var names = pattern.Split('|');
        return branch is null
            || names.Contains(branch)
            || names.Any(name => name.Any(c => !char.IsAsciiLetterOrDigit(c) && !"_-./".Contains(c)));
    }
}
