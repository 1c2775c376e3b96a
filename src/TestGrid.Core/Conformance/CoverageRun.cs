using System.Collections.Immutable;
using System.Text;
using System.Text.Json.Nodes;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Grids;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Conformance;

/// <summary>
/// Counts, over the configurations of an oracle, how many of their Linux jobs would find what they ask for here: their
/// language in that version or the nearest, their services, their addons. A configuration is whole when all of them do.
/// </summary>
/// <param name="offers">What the bundles here have.</param>
/// <param name="services">What serves here beside a job.</param>
/// <param name="events">As for <see cref="ConformanceRun"/>.</param>
public sealed class CoverageRun(
    ImmutableArray<BundleOffer> offers,
    ImmutableArray<ServiceOffer> services,
    IReadOnlyDictionary<string, JsonObject> events
)
{
    private readonly Dictionary<string, int> missing = new(StringComparer.Ordinal);

    /// <summary>By the language of the top level.</summary>
    public SortedDictionary<string, CoverageTally> Languages { get; } = new(StringComparer.Ordinal);

    public CoverageTally All { get; private set; } = new();

    /// <summary>What is missing even at the nearest version, and how many configurations would be glad of it.</summary>
    public IEnumerable<(string What, int Files)> Missing =>
        missing
            .OrderByDescending(pair => pair.Value)
            .ThenBy(pair => pair.Key, StringComparer.Ordinal)
            .Select(pair => (pair.Key, pair.Value));

    /// <summary>Counts one line; false when it is no project's configuration.</summary>
    public bool Add(JsonObject line)
    {
        // Specs and vectors are made up: nobody asks for what they ask for.
        if ((string?)line["input_yaml"] is not { } yaml || line.ContainsKey("spec_kind"))
            return false;
        var settings = new ConfigSettings(offers)
        {
            Services = services,
            RunsWithoutServices = true, // they are counted by themselves
            MaxCells = 5000,
            MaxBytes = 4 << 20,
            Event = OracleEvent.Of(line["data"] as JsonObject ?? events.GetValueOrDefault("push_master") ?? []),
        };
        var findings = new Findings(".travis.yml");
        if (CiConfigReader.Expand(".travis.yml", Encoding.UTF8.GetBytes(yaml), settings, findings) is not { } expanded)
            return true; // refused: it asks for nothing
        var linux = expanded.Jobs.Where(job => job.Text("os") is null or "linux").ToList();
        if (linux.Count == 0)
            return true;

        JobReading Reader(bool isNearest) =>
            new(
                settings with
                {
                    NearestVersions = isNearest,
                },
                expanded.GlobalEnv,
                new Findings(".travis.yml"),
                expanded.IsLanguageGiven
            );
        var (exactly, nearly) = (Reader(isNearest: false), Reader(isNearest: true));
        var tally = new CoverageTally { Files = 1, Jobs = linux.Count };
        var wanted = new HashSet<string>(StringComparer.Ordinal);
        var (isExact, isNear) = (true, true);
        foreach (var job in linux)
        {
            var serving = ServiceChoice.Of(job, settings);
            var services = serving.Missing.Select(name => $"service {name}").ToList();
            var addons = Addons(job).ToList();
            var isLanguage = exactly.Read(job, Cell.Only).Impossible is null;
            var exact = isLanguage && serving.Other.IsEmpty;
            var near = isLanguage || nearly.Read(job, Cell.Only).Impossible is null;
            if (!near)
                wanted.Add(Version(job));
            wanted.UnionWith(services);
            wanted.UnionWith(addons);
            var isRest = services.Count == 0 && addons.Count == 0;
            tally += new CoverageTally
            {
                Exact = exact ? 1 : 0,
                Nearest = near ? 1 : 0,
                Services = services.Count == 0 ? 1 : 0,
                Addons = addons.Count == 0 ? 1 : 0,
                WholeExact = exact && isRest ? 1 : 0,
                WholeNearest = near && isRest ? 1 : 0,
            };
            isExact &= exact && isRest;
            isNear &= near && isRest;
        }

        tally += new CoverageTally { FilesExact = isExact ? 1 : 0, FilesNearest = isNear ? 1 : 0 };
        foreach (var what in wanted)
            missing[what] = missing.GetValueOrDefault(what) + 1;
        var language = (expanded.Root["language"] as YamlScalar)?.Text ?? "";
        Languages[language] = Languages.GetValueOrDefault(language, new CoverageTally()) + tally;
        All += tally;
        return true;
    }

    // Debian's packages are installed; other sources of packages, and all else, are not here.
    private static IEnumerable<string> Addons(MatrixJob job)
    {
        if (job.Keys["addons"] is not YamlMap addons)
            yield break;
        if ((addons["apt"] as YamlMap)?["sources"] is YamlList { Items.IsEmpty: false })
            yield return "addon apt.sources";
        foreach (var entry in addons.Entries)
        {
            // One that is a service is counted there.
            if (entry.Key is not ("apt" or "apt_packages") && !ServiceChoice.IsAddon(entry.Key))
                yield return $"addon {entry.Key}";
        }
    }

    private static string Version(MatrixJob job)
    {
        var language = job.Text("language") ?? "generic";
        var key = Config.Languages.LanguageTable.Of(language).KeyFor(job);
        var arch = job.Text("arch") is { } other && other != "amd64" ? $" on {other}" : "";
        var version = key is null ? null : job.Text(key);
        return version is null ? $"language {language}{arch}" : $"language {language}, {key} {version}{arch}";
    }
}

/// <summary>Of some configurations: their Linux jobs, and how many find what they ask for.</summary>
public sealed record CoverageTally
{
    /// <summary>Configurations with a Linux job.</summary>
    public int Files { get; init; }

    /// <summary>Those all of whose Linux jobs find everything, in the very version.</summary>
    public int FilesExact { get; init; }

    /// <summary>The same, with the nearest version that has a name here.</summary>
    public int FilesNearest { get; init; }

    /// <summary>Linux jobs.</summary>
    public int Jobs { get; init; }

    /// <summary>Jobs that find their language in that version, where they ask for one.</summary>
    public int Exact { get; init; }

    /// <summary>Jobs that find it in that or the nearest.</summary>
    public int Nearest { get; init; }

    /// <summary>Jobs that ask for no service that is not here.</summary>
    public int Services { get; init; }

    /// <summary>Jobs that ask for no addon that is not here.</summary>
    public int Addons { get; init; }

    /// <summary>Jobs that find everything, in the very version.</summary>
    public int WholeExact { get; init; }

    /// <summary>Jobs that find everything, in that version or the nearest.</summary>
    public int WholeNearest { get; init; }

    public static CoverageTally operator +(CoverageTally one, CoverageTally other) =>
        new()
        {
            Files = one.Files + other.Files,
            FilesExact = one.FilesExact + other.FilesExact,
            FilesNearest = one.FilesNearest + other.FilesNearest,
            Jobs = one.Jobs + other.Jobs,
            Exact = one.Exact + other.Exact,
            Nearest = one.Nearest + other.Nearest,
            Services = one.Services + other.Services,
            Addons = one.Addons + other.Addons,
            WholeExact = one.WholeExact + other.WholeExact,
            WholeNearest = one.WholeNearest + other.WholeNearest,
        };

    public static CoverageTally Add(CoverageTally one, CoverageTally other) => one + other;
}
