using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace TestGrid.Runner.Facts;

/// <summary>
/// What the package managers of languages have installed, for each of their folders: two interpreters of one machine have
/// different ones.
/// </summary>
internal static partial class LanguagePackages
{
    private static readonly string[] Roots = ["/usr/lib", "/usr/local/lib", "/usr/share", "/usr/local/share", "/opt"];

    /// <summary>An array of folders with their packages, in order.</summary>
    public static JsonArray Read(RootFiles files)
    {
        var found = new List<(string Kind, string Folder, JsonObject Packages)>();
        foreach (var folder in PythonFolders(files))
            found.Add(("python", folder, RootFacts.Object(Python(files, folder))));
        foreach (var folder in GemFolders(files))
            found.Add(("gem", folder, RootFacts.Object(Gems(files, folder))));
        foreach (var folder in NodeFolders(files))
            found.Add(("npm", folder, RootFacts.Object(NodeModules(files, folder))));
        return
        [
            .. found
                .Where(one => one.Packages.Count > 0)
                .DistinctBy(one => one.Folder)
                .OrderBy(one => one.Folder, StringComparer.Ordinal)
                .Select(one => new JsonObject
                {
                    ["kind"] = one.Kind,
                    ["folder"] = one.Folder,
                    ["packages"] = one.Packages,
                }),
        ];
    }

    private static IEnumerable<string> PythonFolders(RootFiles files) =>
        Roots
            .Take(2)
            .SelectMany(root =>
                files.Names(root).Where(name => PythonFolder.IsMatch(name)).Select(name => $"{root}/{name}")
            )
            .SelectMany(folder => (string[])[$"{folder}/dist-packages", $"{folder}/site-packages"]);

    // NAME-VERSION.dist-info or .egg-info; what stands in METADATA is the same, and not read for a thousand files.
    private static IEnumerable<(string, string)> Python(RootFiles files, string folder) =>
        files
            .Names(folder)
            .Select(name => PythonPackage.Match(name))
            .Where(match => match.Success)
            .Select(match => (match.Groups[1].Value, match.Groups[2].Value));

    private static IEnumerable<string> GemFolders(RootFiles files) =>
        (
            (string[])
                ["/usr/share/rubygems-integration", "/var/lib/gems", "/usr/lib/ruby/gems", "/usr/local/lib/ruby/gems"]
        )
            .SelectMany(root => files.Names(root).Select(name => $"{root}/{name}/specifications"))
            .SelectMany(folder => (string[])[folder, folder + "/default"]);

    private static IEnumerable<(string, string)> Gems(RootFiles files, string folder) =>
        files
            .Names(folder)
            .Select(name => Gem.Match(name))
            .Where(match => match.Success)
            .Select(match => (match.Groups[1].Value, match.Groups[2].Value));

    private static IEnumerable<string> NodeFolders(RootFiles files) =>
        Roots
            .Select(root => $"{root}/node_modules")
            .Concat(Roots.Select(root => $"{root}/nodejs"))
            .Concat(files.Names("/opt").Select(name => $"/opt/{name}/lib/node_modules"));

    private static IEnumerable<(string, string)> NodeModules(RootFiles files, string folder)
    {
        foreach (var name in files.Names(folder))
        {
            string[] packages =
                name[0] == '@' ? [.. files.Names($"{folder}/{name}").Select(one => $"{name}/{one}")] : [name];
            foreach (var package in packages)
            {
                if (VersionOf(files.Read($"{folder}/{package}/package.json", most: 1 << 20)) is { } version)
                    yield return (package, version);
            }
        }
    }

    private static string? VersionOf(byte[]? package)
    {
        try
        {
            if (package is null)
                return null;
            using var read = JsonDocument.Parse(package);
            return read.RootElement.TryGetProperty("version", out var version) ? version.GetString() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null; // a file that only has the name
        }
    }

    [GeneratedRegex(@"^python[0-9]+(\.[0-9]+)?$")]
    private static partial Regex PythonFolder { get; }

    [GeneratedRegex(@"^(.+?)-([0-9][^-]*)(?:-py[0-9.]+)?\.(?:dist|egg)-info$")]
    private static partial Regex PythonPackage { get; }

    [GeneratedRegex(@"^(.+)-([0-9][0-9A-Za-z.]*)\.gemspec$")]
    private static partial Regex Gem { get; }
}
