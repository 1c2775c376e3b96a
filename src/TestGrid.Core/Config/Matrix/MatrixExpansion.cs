using System.Collections.Immutable;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Grids;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Matrix;

/// <summary>
/// Makes the jobs of a configuration, step by step in Travis's order: combine the axes, add the included, give all
/// what is
/// shared, take out the excluded, drop what means nothing to a job's language, drop repeats, mark allowed failures,
/// order by stage.
/// </summary>
internal sealed class MatrixExpansion(YamlMap root, ConfigSettings settings, Findings findings)
{
    /// <summary>
    /// Excluded jobs are made before they are dropped: this many times the most cells is where that ends.
    /// </summary>
    private const int MostFold = 20;

    private static readonly string[] Dropped =
    [
        "jobs",
        "import",
        "stages",
        "notifications",
        "version",
        "allow_failure",
        "env",
        "conditions",
    ];

    private readonly string language = (root["language"] as YamlScalar)?.Text ?? "";
    private readonly int mostCells = settings.MaxCells;
    private readonly MatrixConditions conditions = new(settings, Part(root["env"], "global"), findings);
    private readonly ImmutableArray<string> systems = Texts(root["os"]);

    /// <summary>What evaluates the conditions of this file.</summary>
    public MatrixConditions Conditions => conditions;

    /// <summary>A condition of a job or a stage has left something out.</summary>
    public bool IsLeftOut { get; private set; }

    /// <summary>The variables that every job has.</summary>
    public ImmutableArray<YamlNode> GlobalEnv { get; } = Part(root["env"], "global");

    /// <summary>The jobs in their order, or null when there are too many; the findings say so then.</summary>
    public ImmutableArray<MatrixJob>? Expand()
    {
        var axes = Axes();
        var included = Included();
        var count = Grid.Count(axes);
        if (count > (long)mostCells * MostFold || included.Length > mostCells * MostFold)
            return TooMany(count > included.Length ? count : included.Length);

        List<YamlMap> jobs = axes.Count == 0 ? [] : [.. Grid.Combinations(axes).Select(values => JobOf(axes, values))];

        // A matrix of one job is only there to give included jobs their values: it is not a job beside them.
        if (included.Length > 0 && axes.All(axis => axis.Values.Length == 1))
            jobs.Clear();
        jobs.AddRange(included);
        if (jobs.Count == 0)
            jobs.Add(new YamlMap([], root.Mark));

        var shared = Shared().Over(Firsts(axes));
        var excluded = Entries("exclude");
        var kept = jobs.Select(job => new MatrixJob(job.Over(shared)))
            .Where(job => !excluded.Any(rule => MatrixRules.Excludes(rule, job, conditions)))
            .Select(OnlySupported)
            .Distinct()
            .Where(job => Holds(job.Keys["if"], job.Keys))
            .ToList();
        if (kept.Count > mostCells)
            return TooMany(kept.Count);
        var allowed = Entries("allow_failures");
        var stages = Stages();
        var staged = StageOrder.Assign(kept, root).Where(job => !stages.Contains(job.Text("stage") ?? ""));
        // A job of the matrix that was given its stage may now be the same as an included one.
        return [.. StageOrder.Sort([.. staged.Select(job => Marked(job, allowed))], root).Distinct()];
    }

    private bool Holds(YamlNode? condition, YamlMap job, IEnumerable<YamlNode>? ownEnv = null)
    {
        var holds = conditions.Holds(condition, job, ownEnv);
        IsLeftOut |= !holds;
        return holds;
    }

    private MatrixJob Marked(MatrixJob job, ImmutableArray<YamlMap> allowed)
    {
        var inline = job.Text("allow_failure");
        var allow =
            inline == "true"
            || allowed.Any(rule => MatrixRules.Allows(rule, job, GlobalEnv, settings.Trigger?.Branch, conditions));
        return job with { Keys = job.Keys.Where(entry => entry.Key != "allow_failure"), AllowFailure = allow };
    }

    /// <summary>
    /// The stages whose condition does not hold. It sees all variables of the file, those of single jobs too.
    /// </summary>
    private HashSet<string> Stages() =>
        root["stages"] is not YamlList stages
            ? []
            : new HashSet<string>(
                stages
                    .Items.OfType<YamlMap>()
                    .Where(stage => !Holds(stage["if"], Shared(), Part(root["env"], "jobs")))
                    .Select(stage => stage["name"]?.ToString() ?? ""),
                StringComparer.OrdinalIgnoreCase
            );

    /// <summary>The keys that vary here. The environment is the last, so it varies fastest.</summary>
    private List<Axis<YamlNode>> Axes()
    {
        var axes = new List<Axis<YamlNode>>();
        foreach (var axis in KeyTable.Axes)
        {
            if (root[axis.Key] is not YamlList { Items.IsEmpty: false } list)
                continue;
            if (axis.IsFor(language, systems))
                axes.Add(new Axis<YamlNode>(axis.Key, list.Items));
            else if (axis.Os is null)
                findings.Warn(
                    root.Entry(axis.Key)!.Mark,
                    ProblemCode.NotOfThisLanguage,
                    $"'{axis.Key}' makes no jobs here: it belongs to language {string.Join(" and ", axis.Languages)}, "
                        + $"and this is {Shapes.Short(language)}"
                );
        }

        var env = Part(root["env"], "jobs");
        if (!env.IsEmpty)
            axes.Add(new Axis<YamlNode>("env", env));
        return axes;
    }

    /// <summary>The included jobs. One without a stage is in the stage of the one before.</summary>
    private ImmutableArray<YamlMap> Included()
    {
        YamlNode? stage = null;
        return
        [
            .. Entries("include")
                .Where(job => !job.IsEmpty || settings.IsEmptyIncludeJob)
                .Select(WithOwnEnv)
                .Select(job =>
                {
                    stage = job["stage"] ?? stage;
                    return stage is null || job.Has("stage") ? job : job.With("stage", stage);
                }),
        ];
    }

    private YamlMap Shared() =>
        root.Where(entry =>
            !Dropped.Contains(entry.Key)
            && !KeyTable.AxisByKey.ContainsKey(entry.Key)
            && entry.Value
                is not (YamlList { Items.IsEmpty: true } or YamlMap { IsEmpty: true } or YamlScalar { Text: "" })
        );

    /// <summary>
    /// What an included job has where it does not say: each axis's first value, also of the environment.
    /// </summary>
    private YamlMap Firsts(List<Axis<YamlNode>> axes) =>
        new([.. axes.Select(axis => Entry(axis.Name, axis.Values[0]))], root.Mark);

    private YamlMap JobOf(List<Axis<YamlNode>> axes, ImmutableArray<YamlNode> values) =>
        new(
            [
                .. axes.Zip(
                    values,
                    (axis, value) =>
                        // The only item of the file stays though it is empty, as on Travis: the list says that there is one.
                        axis is { Name: "env", Values.Length: 1 }
                        && value is YamlMap { IsEmpty: true }
                            ? new YamlEntry("env", value.Mark, new YamlList([value], value.Mark))
                            : Entry(axis.Name, value)
                ),
            ],
            root.Mark
        );

    private static YamlEntry Entry(string axis, YamlNode value) =>
        new(axis, value.Mark, axis == "env" ? EnvOf(value) : value);

    private static YamlList EnvOf(YamlNode value) => new(value is YamlMap { IsEmpty: true } ? [] : [value], value.Mark);

    /// <summary>The job with the variables it has itself: an empty item is none, and <c>global</c> is the top level's.</summary>
    private static YamlMap WithOwnEnv(YamlMap job)
    {
        if (job["env"] is not YamlList list)
            return job;
        var items = list
            .Items.OfType<YamlMap>()
            .Select(item => item.Has("global") ? item.Where(entry => entry.Key != "global") : item)
            .Where(item => !item.IsEmpty);
        return job.With("env", new YamlList([.. items], list.Mark));
    }

    private static bool IsDistOf(string? dist, string os) =>
        dist switch
        {
            "xenial" or "focal" => os is "linux" or "linux-ppc64le",
            "server-2016" => os is "windows",
            "trusty" or "precise" or "bionic" or "jammy" or "noble" or "rhel8" => os is "linux",
            _ => true,
        };

    /// <summary>
    /// Without what means nothing to its own language and system, which may differ from the top level's.
    /// </summary>
    private static MatrixJob OnlySupported(MatrixJob job)
    {
        var language = job.Text("language") ?? "";
        ImmutableArray<string> os = [job.Text("os") ?? "linux"];
        var keys = job.Keys.Where(entry =>
            (!KeyTable.AxisByKey.TryGetValue(entry.Key, out var axis) || axis.IsFor(language, os))
            && (entry.Key != "dist" || IsDistOf(entry.Value.ToString(), os[0]))
            && (entry.Key != "os" || language != "objective-c" || os[0] == "osx")
            && (entry.Key != "env" || entry.Value is not YamlList { Items: [] })
        );
        return job with { Keys = keys };
    }

    private ImmutableArray<MatrixJob>? TooMany(long count)
    {
        findings.Error(
            (
                root.Entry("jobs") ?? root.Entries.FirstOrDefault(entry => KeyTable.AxisByKey.ContainsKey(entry.Key))
            )?.Mark
                ?? root.Mark,
            ProblemCode.TooManyJobs,
            $"these axes and includes make {count:N0} jobs; at most {mostCells:N0} are made",
            "use fewer values, or exclude combinations"
        );
        return null;
    }

    private ImmutableArray<YamlMap> Entries(string part) => [.. Part(root["jobs"], part).OfType<YamlMap>()];

    private static ImmutableArray<YamlNode> Part(YamlNode? node, string key) =>
        node is YamlMap map && map[key] is YamlList list ? list.Items : [];

    private static ImmutableArray<string> Texts(YamlNode? node) =>
        node is YamlList list ? [.. list.Items.OfType<YamlScalar>().Select(item => item.Text ?? "")] : [];
}
