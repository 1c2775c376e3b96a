using System.Collections.Immutable;
using TestGrid.Core.Builds;
using TestGrid.Core.Config.Imports;
using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>
/// Reads <c>.testgrid.yml</c>, or a <c>.travis.yml</c> as it is: text → tree (<c>Yaml</c>) → one tree with what it
/// imports (<c>Imports</c>) → one shape (<c>Schema</c>) → jobs (<c>Matrix</c>) → what a runner runs
/// (<c>Languages</c>). Pure: <see cref="ConfigImports.CollectAsync"/> has asked for the imported files before. The
/// text is a stranger's: it can cost neither time nor memory beyond the settings, and whatever it holds gives a
/// reading, never an exception.
/// </summary>
public static class CiConfigReader
{
    // Each job carries its commands along, in the queue too: a block that an anchor repeats in 200 jobs is there 200
    // times.
    private const long MostCharacters = 16 << 20;

    /// <param name="file">
    /// The file's name, for problems and for what is the default where Travis's differs: <c>.travis.yml</c>.
    /// </param>
    /// <param name="utf8">Its bytes.</param>
    /// <param name="settings">What there is here to run it with.</param>
    public static ConfigReading Read(string file, ReadOnlyMemory<byte> utf8, ConfigSettings settings)
    {
        var findings = new Findings(file);
        if (Expand(file, utf8, settings, findings) is not { } expanded || findings.AnyError)
            return new ConfigReading.Refused(findings.All);
        if (Unwanted(expanded, settings, findings) is { } unwanted)
            return unwanted;
        return Compose(expanded, settings, findings) is { } config
            ? new ConfigReading.Read(config)
            : new ConfigReading.Refused(findings.All);
    }

    /// <summary>Everything up to the jobs, before the words of this house; null when it is refused.</summary>
    internal static ExpandedConfig? Expand(
        string file,
        ReadOnlyMemory<byte> utf8,
        ConfigSettings settings,
        Findings findings
    )
    {
        if (TreeReading.Read(utf8, settings, findings) is not { } written)
            return null;
        written = new ImportWalk(settings, findings).Merged(written);
        if (findings.AnyError)
            return null;

        var shaped = new ConfigShape(findings).Root(written);
        var root = Defaulted(file, shaped);
        UnusedKeys.Tell(root, findings);
        var expansion = new MatrixExpansion(root, settings, findings);
        if (expansion.Expand() is not { } jobs)
            return null;
        root = NotificationFilter.Kept(root, expansion.Conditions);
        if (jobs.IsEmpty && !expansion.IsLeftOut)
        {
            findings.Error(
                root.Entry("jobs")?.Mark ?? root.Mark,
                ProblemCode.NoJobs,
                "no job is left to run: every one is excluded"
            );
        }

        return new ExpandedConfig(root, jobs, expansion.GlobalEnv, shaped.Has("language"))
        {
            IsWanted = expansion.Conditions.Holds(root["if"], root),
        };
    }

    // Without a trigger every condition holds.
    private static ConfigReading.Unwanted? Unwanted(ExpandedConfig expanded, ConfigSettings settings, Findings findings)
    {
        var happened = settings.Event?.Type ?? settings.Trigger?.EventType ?? "event";
        if (!expanded.IsWanted && expanded.Root.Entry("if") is { } condition)
        {
            var place = $"{findings.FileOf(condition.Mark)}:{condition.Mark.Line}";
            return new ConfigReading.Unwanted(
                BuildReason.FalseCondition,
                $"the condition '{Shapes.Short(condition.Value.ToString()!)}' ({place}) does not hold for this {happened}",
                findings.All
            );
        }

        return expanded.Jobs.IsEmpty
            ? new ConfigReading.Unwanted(
                BuildReason.NoJobs,
                $"no job is left: the conditions of {findings.File} hold for none in this {happened}",
                findings.All
            )
            : null;
    }

    private static CiConfig? Compose(ExpandedConfig expanded, ConfigSettings settings, Findings findings)
    {
        var (root, jobs, globalEnv, isLanguageGiven) = expanded;
        var axes = new VaryingAxes(jobs);
        var reading = new JobReading(settings, globalEnv, findings, isLanguageGiven);
        ImmutableArray<JobConfig> configs = [.. jobs.Select(job => reading.Read(job, axes.CellOf(job)))];
        var characters = configs.Sum(config =>
            config.Phases.Sum(phase => phase.Commands.Sum(text => (long)text.Length))
        );
        if (characters > MostCharacters)
        {
            findings.Error(
                root.Mark,
                ProblemCode.OverLimit,
                $"the jobs' commands have {characters:N0} characters together; at most {MostCharacters:N0} are taken",
                "put long commands into a script of the repository"
            );
            return null;
        }

        if (configs.Any(config => config.Stage is not null))
            findings.Warn(
                (root.Entry("stages") ?? root.Entry("jobs"))?.Mark ?? root.Mark,
                ProblemCode.StagesIgnored,
                "stages do not wait for each other yet: their jobs are ordered by stage and run at the same time"
            );
        var maxParallel = LimitsReading.Whole(root["max_parallel"], 1, 1000, findings);
        var branches = root["branches"] as YamlMap;
        return new CiConfig(
            findings.File,
            configs,
            axes.Names,
            findings.All,
            Texts(branches?["only"]),
            Texts(branches?["except"]),
            ((root["jobs"] as YamlMap)?["fast_finish"] as YamlScalar)?.Text == "true",
            (root["fail_fast"] as YamlScalar)?.Text == "true",
            maxParallel
        );
    }

    /// <summary>
    /// The defaults of the top level. A <c>.travis.yml</c> without a language is Ruby's, because Travis's is; a
    /// <c>.testgrid.yml</c> has none.
    /// </summary>
    private static YamlMap Defaulted(string file, YamlMap root)
    {
        var isTravis = Path.GetFileName(file).Equals(".travis.yml", StringComparison.Ordinal);
        var os = root["os"] is YamlList { Items.IsEmpty: false } given ? given : null;
        if (!root.Has("language"))
        {
            var onlyMac = os is { Items: [YamlScalar { Text: "osx" }] };
            root = root.With(
                "language",
                Scalar(
                    !isTravis ? "generic"
                    : onlyMac ? "objective-c"
                    : "ruby"
                )
            );
        }

        if (os is null)
        {
            var mac = (root["language"] as YamlScalar)?.Text == "objective-c";
            root = root.With("os", new YamlList([Scalar(mac ? "osx" : "linux")], root.Mark));
        }

        var systems = ((YamlList)root["os"]!).Items.Select(item => item.ToString());
        return root.Has("dist") || !isTravis || !systems.Any(system => system is "linux" or "linux-ppc64le")
            ? root
            : root.With("dist", Scalar("focal"));

        YamlScalar Scalar(string text) => new(text, true, root.Mark);
    }

    private static ImmutableArray<string> Texts(YamlNode? node) =>
        node is YamlList list ? [.. list.Items.Select(item => item.ToString()!)] : [];
}

/// <summary>A configuration whose jobs are known, in Travis's words.</summary>
internal sealed record ExpandedConfig(
    YamlMap Root,
    ImmutableArray<MatrixJob> Jobs,
    ImmutableArray<YamlNode> GlobalEnv,
    bool IsLanguageGiven
)
{
    /// <summary>The top level's condition holds.</summary>
    public bool IsWanted { get; init; } = true;
}
