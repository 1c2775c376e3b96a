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
/// <param name="packages">The names of each suite's Debian packages; a suite that is not there has them all.</param>
public sealed class CoverageRun(
    ImmutableArray<BundleOffer> offers,
    ImmutableArray<ServiceOffer> services,
    IReadOnlyDictionary<string, JsonObject> events,
    IReadOnlyDictionary<string, IReadOnlySet<string>> packages
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
            var (strict, loose) = (exactly.Read(job, Cell.Only), nearly.Read(job, Cell.Only));
            var exact = strict.Impossible is null && serving.Other.IsEmpty;
            var near = strict.Impossible is null || loose.Impossible is null;
            var branch = settings.Event?.Branch;
            var exactAddons = Addons(job, branch, isNearest: false, strict).ToList();
            var addons = Addons(job, branch, isNearest: true, loose).ToList();
            if (!near)
                wanted.Add(Version(job));
            wanted.UnionWith(services);
            wanted.UnionWith(addons);
            var isWhole = exact && services.Count == 0 && exactAddons.Count == 0;
            var isNearly = near && services.Count == 0 && addons.Count == 0;
            tally += new CoverageTally
            {
                Exact = exact ? 1 : 0,
                Nearest = near ? 1 : 0,
                Services = services.Count == 0 ? 1 : 0,
                Addons = addons.Count == 0 ? 1 : 0,
                WholeExact = isWhole ? 1 : 0,
                WholeNearest = isNearly ? 1 : 0,
            };
            isExact &= isWhole;
            isNear &= isNearly;
        }

        tally += new CoverageTally { FilesExact = isExact ? 1 : 0, FilesNearest = isNear ? 1 : 0 };
        foreach (var what in wanted)
            missing[what] = missing.GetValueOrDefault(what) + 1;
        var language = (expanded.Root["language"] as YamlScalar)?.Text ?? "";
        Languages[language] = Languages.GetValueOrDefault(language, new CoverageTally()) + tally;
        All += tally;
        return true;
    }

    private IEnumerable<string> Addons(MatrixJob job, string? branch, bool isNearest, JobConfig read)
    {
        var suite = offers.FirstOrDefault(offer => offer.Recipe == read.Bundle)?.Suite ?? "";
        var known = packages.GetValueOrDefault(suite);
        return AddonReading
            .Missing(job, branch, isNearest)
            .Select(addon => $"addon {addon}")
            .Concat(
                known is null
                    ? []
                    : read
                        .AptPackages.Where(package =>
                            !Has(known, package)
                            && read.AptStandIns.All(other => other.Package != package || !Has(known, other.Instead))
                        )
                        .Select(package => $"package {package}")
            );
    }

    // libc6:i386, cmake=3.*, and foo* for all that begin so
    private static bool Has(IReadOnlySet<string> names, string package)
    {
        var name = package.Split('=', '/', ':')[0];
        return name.EndsWith('*')
            ? names.Any(one => one.StartsWith(name[..^1], StringComparison.Ordinal))
            : names.Contains(name);
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

    /// <summary>Jobs that ask for no addon or package that is not here and has no nearest.</summary>
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
