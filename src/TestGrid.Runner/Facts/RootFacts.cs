using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace TestGrid.Runner.Facts;

/// <summary>
/// What a root filesystem gives an application, read from its files: no program of it runs. The form is
/// <c>testgrid.facts/1</c> (<c>ci-config-schema/facts.schema.json</c>), every list in order, so that two can be compared
/// line by line.
/// </summary>
internal static partial class RootFacts
{
    private static readonly string[] LibraryFolders = ["/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64"];
    private static readonly string[] ProgramFolders =
    [
        "/usr/local/bin",
        "/usr/bin",
        "/bin",
        "/usr/local/sbin",
        "/usr/sbin",
    ];

    private static readonly string[] Programs =
    [
        "awk",
        "bash",
        "bundle",
        "cargo",
        "cc",
        "clang",
        "composer",
        "cpp",
        "curl",
        "dotnet",
        "gcc",
        "git",
        "go",
        "java",
        "make",
        "mvn",
        "node",
        "npm",
        "openssl",
        "perl",
        "php",
        "pip",
        "pip3",
        "python",
        "python3",
        "ruby",
        "rustc",
        "sh",
        "ssh",
        "tar",
        "wget",
    ];

    // Files that change how programs behave, on every machine.
    private static readonly string[] Configs =
    [
        "/etc/environment",
        "/etc/gai.conf",
        "/etc/hosts.allow",
        "/etc/ld.so.conf",
        "/etc/ld.so.preload",
        "/etc/locale.conf",
        "/etc/default/locale",
        "/etc/nsswitch.conf",
        "/etc/profile",
        "/etc/security/limits.conf",
        "/etc/ssl/openssl.cnf",
        "/etc/sysctl.conf",
        "/etc/mime.types",
    ];

    /// <summary>Adds them.</summary>
    public static void Read(RootFiles files, JsonObject to)
    {
        to["os"] = Os(files);
        to["architecture"] = files.Lines("/var/lib/dpkg/arch").FirstOrDefault() ?? ArchitectureOf(files);
        var packages = Debian(files);
        to["libc"] = Libc(files, packages);
        to["packages"] = Object(packages);
        to["languagePackages"] = LanguagePackages.Read(files);
        to["programs"] = Object(Found(files));
        to["libraries"] = Libraries(files);
        to["users"] = Ids(files, "/etc/passwd");
        to["groups"] = Ids(files, "/etc/group");
        to["certificates"] = files.Hash("/etc/ssl/certs/ca-certificates.crt");
        to["locale"] = Locale(files);
        to["timezone"] = TimeZone(files);
        to["config"] = Object(
            Configs
                .Select(path => (path, files.Hash(path)))
                .Where(one => one.Item2 is not null)
                .Select(one => (one.path, one.Item2!))
        );
    }

    internal static JsonObject Object(IEnumerable<(string Name, string Value)> pairs)
    {
        var made = new JsonObject();
        foreach (
            var (name, value) in pairs.DistinctBy(pair => pair.Name).OrderBy(pair => pair.Name, StringComparer.Ordinal)
        )
            made[name] = value;
        return made;
    }

    private static JsonObject Os(RootFiles files)
    {
        string[] told = ["ID", "VERSION_ID", "VERSION_CODENAME", "PRETTY_NAME"];
        return Object(
            files
                .Lines("/etc/os-release")
                .Select(line => line.Split('=', 2))
                .Where(parts => parts.Length == 2 && told.Contains(parts[0]))
                .Select(parts => (parts[0].ToLowerInvariant(), parts[1].Trim().Trim('"', '\'')))
        );
    }

    private static string? ArchitectureOf(RootFiles files) =>
        files.Resolve("/lib64/ld-linux-x86-64.so.2") is not null ? "amd64"
        : files.Resolve("/lib/ld-linux-aarch64.so.1") is not null ? "arm64"
        : files.Resolve("/lib/ld-musl-x86_64.so.1") is not null ? "amd64"
        : null;

    private static JsonObject Libc(RootFiles files, List<(string Name, string Version)> packages)
    {
        var musl = files.Names("/lib").Any(name => name.StartsWith("ld-musl-", StringComparison.Ordinal));
        var version = packages.Find(one => one.Name == (musl ? "musl" : "libc6")).Version;
        return new JsonObject { ["kind"] = musl ? "musl" : "glibc", ["version"] = version };
    }

    // A foreign architecture's package stands with it: libc6:i386.
    private static List<(string Name, string Version)> Debian(RootFiles files)
    {
        var own = files.Lines("/var/lib/dpkg/arch").FirstOrDefault();
        var found = new List<(string, string)>();
        var (name, version, arch, installed) = ("", "", "", false);
        foreach (var line in files.Text("/var/lib/dpkg/status").Split('\n').Append(""))
        {
            if (line.Length == 0)
            {
                if (installed && name.Length > 0)
                    found.Add((arch is "all" or "" || own is null || arch == own ? name : $"{name}:{arch}", version));
                (name, version, arch, installed) = ("", "", "", false);
            }
            else if (line.StartsWith("Package: ", StringComparison.Ordinal))
                name = line[9..].Trim();
            else if (line.StartsWith("Version: ", StringComparison.Ordinal))
                version = line[9..].Trim();
            else if (line.StartsWith("Architecture: ", StringComparison.Ordinal))
                arch = line[14..].Trim();
            else if (line.StartsWith("Status: ", StringComparison.Ordinal))
                installed = line.EndsWith(" installed", StringComparison.Ordinal);
        }
        return found;
    }

    private static IEnumerable<(string Name, string Path)> Found(RootFiles files)
    {
        foreach (var program in Programs)
        {
            var path = ProgramFolders
                .Select(folder => files.Resolve($"{folder}/{program}"))
                .FirstOrDefault(found => found is not null);
            if (path is not null)
                yield return (program, path);
        }
    }

    // By the name that programs ask for, libssl.so.3, and which file that is: the link is ldconfig's.
    private static JsonObject Libraries(RootFiles files) =>
        Object(
            LibraryFolders
                .Concat(LibraryFolders.Take(2).SelectMany(folder => Triplets(files, folder)))
                .SelectMany(folder =>
                    files.Names(folder).Where(name => Library.IsMatch(name)).Select(name => (name, folder))
                )
                .Select(one => (one.name, files.Resolve($"{one.folder}/{one.name}") ?? ""))
                .Where(one => one.Item2.Length > 0)
        );

    private static IEnumerable<string> Triplets(RootFiles files, string folder) =>
        files
            .Names(folder)
            .Where(name => name.EndsWith("-linux-gnu", StringComparison.Ordinal))
            .Select(name => $"{folder}/{name}");

    private static JsonObject Ids(RootFiles files, string path) =>
        Object(
            files
                .Lines(path)
                .Select(line => line.Split(':'))
                .Where(parts => parts.Length > 2)
                .Select(parts => (parts[0], parts[2]))
        );

    private static JsonObject Locale(RootFiles files)
    {
        var chosen = files
            .Lines("/etc/default/locale")
            .Concat(files.Lines("/etc/locale.conf"))
            .Select(line => line.Split('=', 2))
            .FirstOrDefault(parts => parts[0] == "LANG" && parts.Length == 2);
        var made = files
            .Names("/usr/lib/locale")
            .Where(name => name != "locale-archive")
            .Concat(files.Lines("/etc/locale.gen").Select(line => line.Split(' ')[0]))
            .Distinct()
            .Order(StringComparer.Ordinal);
        return new JsonObject
        {
            ["default"] = chosen?[1].Trim('"'),
            ["available"] = new JsonArray([.. made.Select(name => JsonValue.Create(name))]),
            ["archive"] = files.Hash("/usr/lib/locale/locale-archive"),
        };
    }

    private static JsonObject TimeZone(RootFiles files) =>
        new()
        {
            ["name"] = files.Lines("/etc/timezone").FirstOrDefault()?.Trim() ?? ZoneOf(files.Resolve("/etc/localtime")),
            ["data"] = files.Resolve("/usr/share/zoneinfo/Europe/Berlin") is not null,
        };

    private static string? ZoneOf(string? file) => file?.Split("/zoneinfo/", 2) is [_, var zone] ? zone : null;

    [GeneratedRegex(@"^(lib|ld-)[^/]*\.so\.[0-9]+$")]
    private static partial Regex Library { get; }
}
