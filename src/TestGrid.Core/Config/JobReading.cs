using System.Collections.Immutable;
using TestGrid.Core.Config.Languages;
using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Grids;
using TestGrid.Core.Jobs;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>Turns one job of the matrix into what a runner runs.</summary>
internal sealed class JobReading(
    ConfigSettings settings,
    ImmutableArray<YamlNode> globalEnv,
    Findings findings,
    bool isLanguageGiven
)
{
    private static readonly string[] Run =
    [
        "before_install",
        "install",
        "before_script",
        "script",
        "before_cache",
        "after_success",
        "before_deploy",
        "after_deploy",
        "after_failure",
        "after_script",
    ];

    private readonly JobEnv env = new(findings);

    public JobConfig Read(MatrixJob job, Cell cell)
    {
        var language = job.Text("language") ?? "generic";
        var rule = LanguageTable.Of(language);
        var choice = BundleChoice.Of(job, language, rule, settings);
        var services = ServiceChoice.Of(job, settings);
        var notes = new List<string>();
        if (choice.Impossible is not null && NeedsNoRuby(job, language))
        {
            rule = LanguageTable.Of("generic");
            choice = BundleChoice.Of(job, "generic", rule, settings);
            notes.Add("the configuration names no language, which for Travis is ruby: it runs without ruby here.");
        }

        var secure = new List<string>();
        var isNearest = AddonReading.IsNearest(job, settings);
        var packages = AptPackages(job);
        if (isNearest)
            packages = [.. packages.Union(AddonReading.BrowserPackages(job))];
        return new JobConfig
        {
            ConfigFile = findings.File,
            Language = language,
            Bundle = choice.Recipe,
            Cell = cell,
            Name = job.Text("name"),
            Stage = job.Text("stage"),
            Env = env.Read(globalEnv, job.Keys["env"], secure),
            Phases = Phases(job, rule.Steps(job, choice.Version)),
            Deployments = DeployReading.Read(job.Keys["deploy"]),
            AllowFailure = job.AllowFailure,
            Retry = LimitsReading.Whole(job.Keys["retry"], 0, 5, findings) ?? 0,
            AppLayer = AppLayerWish.Read(job.Keys["app_layer"], findings),
            Os = job.Text("os") ?? "linux",
            Arch = job.Text("arch") ?? "amd64",
            Addons = JobAddons.Of(job.Keys),
            AptPackages = packages,
            AptStandIns = isNearest
                ? [.. packages.Select(one => AptStandIn.Of(one, services.Services)).OfType<AptStandIn>()]
                : [],
            Services = services.Services,
            Tty = job.Text("tty") != "false",
            Submodules = ValueTable.Truth(((job.Keys["git"] as YamlMap)?["submodules"] as YamlScalar)?.Text) ?? true,
            Limits = LimitsReading.Read(job.Keys, findings),
            Impossible = Platform.Missing(job) ?? choice.Impossible ?? services.Impossible,
            Notes = [.. notes, .. choice.Notes, .. services.Notes, .. Notes(job, isNearest, secure)],
        };
    }

    // Travis's default is ruby, and its machines have everything else too: a file that names no language, brings its
    // own
    // script and asks for nothing of Ruby's runs well without it.
    private bool NeedsNoRuby(MatrixJob job, string language) =>
        !isLanguageGiven
        && language == "ruby"
        && job.Keys.Has("script")
        && !job.Keys.Has("rvm")
        && !job.Keys.Has("gemfile")
        && !job.Keys.Has("bundle");

    private static ImmutableArray<Phase> Phases(MatrixJob job, LanguageSteps steps)
    {
        var phases = ImmutableArray.CreateBuilder<Phase>();
        Default("export", steps.Export);
        Default("setup", steps.Setup);
        Default("announce", steps.Announce);
        foreach (var name in Run)
        {
            if (job.Keys[name] is YamlList commands)
                phases.Add(new Phase(name, [.. commands.Items.Select(item => ((YamlScalar)item).Text!.TrimEnd('\n'))]));
            else if (name is "install")
                Default(name, steps.Install);
            else if (name is "script")
                Default(name, steps.Script);
        }

        return phases.ToImmutable();

        void Default(string name, string? source)
        {
            if (source is not null)
                phases.Add(new Phase(name, [source], IsDefault: true));
        }
    }

    private ImmutableArray<string> AptPackages(MatrixJob job)
    {
        if (job.Keys["addons"] is not YamlMap addons)
            return [];
        var written = Items((addons["apt"] as YamlMap)?["packages"])
            .Concat(Items(addons["apt_packages"]))
            .OfType<YamlScalar>();
        var packages = ImmutableArray.CreateBuilder<string>();
        foreach (var package in written.SelectMany(Words))
        {
            if (AptPackage.IsName(package.Text!))
                packages.Add(package.Text!);
            else
                findings.Warn(
                    package.Mark,
                    ProblemCode.BadValue,
                    $"'{Shapes.Short(package.Text!)}' is not the name of a Debian package: left out"
                );
        }

        return [.. packages.Distinct()];

        static ImmutableArray<YamlNode> Items(YamlNode? node) => node is YamlList list ? list.Items : [];

        // `packages: cmake ninja-build` in one text is common, and apt-get takes it.
        static IEnumerable<YamlScalar> Words(YamlScalar scalar) =>
            (scalar.Text ?? "")
                .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
                .Select(word => new YamlScalar(word, scalar.IsPlain, scalar.Mark));
    }

    private ImmutableArray<string> Notes(MatrixJob job, bool isNearest, List<string> secure)
    {
        var notes = ImmutableArray.CreateBuilder<string>();
        if (((job.Keys["addons"] as YamlMap)?["apt"] as YamlMap)?["sources"] is YamlList)
            notes.Add("addons.apt.sources is not used: packages come from the bundle's own Debian.");
        notes.AddRange(
            AddonReading
                .Missing(job, settings.Event?.Branch, isNearest)
                .Where(addon => addon != AddonReading.Sources)
                .Select(addon => $"addon {Shapes.Short(addon)} is not available yet.")
        );

        if (secure.Count > 0)
        {
            var names = string.Join(", ", secure.Where(name => name != "?").Select(Shapes.Short));
            notes.Add(
                $"{secure.Count} encrypted variable(s) of the configuration are not set"
                    + (names.Length == 0 ? "" : $" ({names})")
                    + ": only the service they were encrypted for can read them."
            );
        }

        return notes.ToImmutable();
    }
}
