using System.Collections.Frozen;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Schema;

/// <summary>
/// Brings a whole file to the one shape that the matrix is made from: the complete key table of the top level and of
/// jobs, in Travis's normal form.
/// </summary>
internal sealed class ConfigShape(Findings findings)
{
    private const string OwnWords =
        "bundle tty limits versions missing_services timeout no_output_timeout resources reports retry app_layer";
    private static readonly string[] OwnOfJobs = OwnWords.Split(' ');
    private static readonly string[] OwnOfRoot = [.. OwnOfJobs, "fail_fast", "max_parallel", "name", "stage"];

    // Keys of single languages that are no axis.
    private const string Options =
        "android:android lein with_content_shell:bool elm_format elm_test gobuild_args go_import_path gimme_config:gimme"
        + " hxml:texts neko npm_args composer_args cabal podfile bundler_args xcode_destination xcode_project"
        + " xcode_workspace xctool_args virtualenv|virtual_env:virtualenv r_packages:texts r_binary_packages:texts"
        + " r_github_packages:texts apt_packages:texts bioc_packages:texts brew_packages:texts bioc bioc_check:bool"
        + " bioc_required|use_bioc:bool bioc_use_devel:bool cran disable_homebrew:bool latex:bool pandoc:bool"
        + " pandoc_version r_build_args r_check_args r_check_revdep:bool warnings_are_errors:bool remotes repos:map"
        + " sbt_args smalltalk_edge:edge";

    public const string AxisAliases = " node_js|node rvm|ruby|rbenv gemfile|gemfiles";

    private static readonly Shape Condition = ShapeText.Text;
    private static readonly Shape Language = new TextShape { Values = ValueTable.Language, IsLowercase = true };
    private static readonly Shape Os = new TextShape { Values = ValueTable.Os, IsLowercase = true };
    private static readonly Shape Arch = new TextShape { Values = ValueTable.Arch, IsLowercase = true };
    private static readonly Shape Dist = new TextShape { Values = ValueTable.Dist, IsLowercase = true };
    private static readonly Shape Service = new TextShape { Values = ValueTable.Service, IsLowercase = true };
    private static readonly Shape Sudo = new AnyShape([new TruthShape { IsNormal = true }, ShapeText.Text]);

    private static readonly Shape Task = ShapeText.Map("test dartanalyzer dartfmt:bool install_dartium:bool xvfb:bool");
    private static readonly Shape Tasks = ShapeText.ListOf(new AnyShape([Task, ShapeText.Text]));

    private static readonly Shape Deploy = DeployShapes.All(LanguageKeys(isJob: true));
    private static readonly Shape Addons = AddonShapes.All(Deploy);

    private static readonly MapShape RootShape = Root();

    private readonly Normalizer normalizer = new(findings);

    public YamlMap Root(YamlMap map)
    {
        // Keys that other programs of Travis write into a configuration.
        map = map.Where(entry => entry.Key is not (".configured" or ".result" or "merge_mode"));
        return normalizer.Normal(RootShape, map, "") as YamlMap ?? new YamlMap([], map.Mark);
    }

    /// <summary>Every key that means something somewhere: none is a slip of another.</summary>
    public static readonly FrozenSet<string> AllKeys = KeysOf(RootShape).ToFrozenSet();

    /// <summary>Does this key mean something at the top level?</summary>
    public static bool IsKey(string key) => RootShape.Keys.ContainsKey(key);

    private static IEnumerable<string> KeysOf(Shape shape) =>
        shape switch
        {
            AnyShape any => any.Options.SelectMany(KeysOf),
            ListShape list => KeysOf(list.Item),
            MapShape map => map
                .Keys.Where(pair => !map.OwnKeys.Contains(pair.Key))
                .SelectMany(pair => KeysOf(pair.Value).Append(pair.Key)),
            _ => [],
        };

    private static MapShape Root()
    {
        var text =
            "language:language os:oss dist:dist arch:archs stack:stack sudo:sudo import:imports env:env stages:stages"
            + " jobs|matrix:jobs notifications:notifications version vm:vm conditions filter_secrets:bool trace:bool"
            + " perforce_test_path vault:map keep_netrc:bool";
        var stage = new AnyShape([With("name if", "name"), ShapeText.Text]);
        var import = new AnyShape([
            new MapShape
            {
                Keys = ShapeText
                    .Keys("source mode:mode if", ("mode", new TextShape { Values = ValueTable.MergeMode }))
                    .ToFrozenDictionary(),
                Prefix = "source",
                IsNormal = true,
            },
            ShapeText.Text,
        ]);
        var keys = ShapeText.Keys(
            text,
            ("language", Language),
            ("oss", ShapeText.ListOf(Os)),
            ("dist", Dist),
            ("archs", ShapeText.ListOf(Arch)),
            ("sudo", Sudo),
            ("stack", new TextShape { IsLowercase = true }),
            ("imports", ShapeText.ListOf(import)),
            ("env", new VariablesShape(isJob: false)),
            ("stages", ShapeText.ListOf(stage)),
            ("jobs", Jobs()),
            ("notifications", NotificationShapes.All()),
            ("vm", Vm())
        );
        foreach (var (key, shape) in OfAll(isJob: false))
            keys.TryAdd(key, shape);
        foreach (var own in OwnOfRoot)
            keys.TryAdd(own, Own(own, isJob: false));
        return new MapShape
        {
            Keys = keys.ToFrozenDictionary(),
            Aliases = ShapeText.Aliases(
                text
                    + AxisAliases
                    + " branches|branch virt|virtualization virtualenv|virtual_env bioc_required|use_bioc"
            ),
            OwnKeys = [.. OwnOfRoot],
        };
    }

    private static AnyShape Jobs()
    {
        var include = Job("allow_failure:bool vault:map keep_netrc:bool", isEmptyKept: true);
        var exclude = Job("");
        var allowed = Job("branch");
        var text =
            "include:include exclude:exclude allow_failures|allowed_failures:allowed fast_finish|fast_failure:bool";
        var keys = ShapeText.Keys(
            text,
            ("include", ShapeText.ListOf(include)),
            ("exclude", ShapeText.ListOf(exclude)),
            ("allowed", ShapeText.ListOf(allowed))
        );
        return new AnyShape([
            new MapShape
            {
                Keys = keys.ToFrozenDictionary(),
                Aliases = ShapeText.Aliases(text),
                Prefix = "include",
                IsNormal = true,
            },
        ]);
    }

    private static MapShape Job(string more, bool isEmptyKept = false)
    {
        var text = "language:language os:os dist:dist arch:arch sudo:sudo env:env name stage vm:vm " + more;
        var keys = ShapeText.Keys(
            text,
            ("language", Language),
            ("os", Os),
            ("dist", Dist),
            ("arch", Arch),
            ("sudo", Sudo),
            ("env", new VariablesShape(isJob: true)),
            ("vm", Vm())
        );
        foreach (var (key, shape) in OfAll(isJob: true))
            keys.TryAdd(key, shape);
        foreach (var own in OwnOfJobs)
            keys.TryAdd(own, Own(own, isJob: true));
        var aliases = AxisAliases + " virt|virtualization virtualenv|virtual_env bioc_required|use_bioc";
        return new MapShape
        {
            Keys = keys.ToFrozenDictionary(),
            Aliases = ShapeText.Aliases(keys.ContainsKey("branch") ? aliases : aliases + " branches|branch"),
            OwnKeys = [.. OwnOfJobs],
            IsEmptyKept = isEmptyKept,
        };
    }

    /// <summary>What the top level and jobs have alike.</summary>
    private static Dictionary<string, Shape> OfAll(bool isJob)
    {
        var keys = ShapeText.Keys(
            "virt addons:addons branches:branches cache:cache deploy:deploy git:git if services:services group"
                + " workspaces:workspaces keys:texts",
            ("addons", Addons),
            (
                "branches",
                new AnyShape([
                    new MapShape
                    {
                        Keys = ShapeText.Keys("only:texts except:texts").ToFrozenDictionary(),
                        Aliases = ShapeText.Aliases("except|exclude"),
                        Prefix = "only",
                        IsNormal = true,
                    },
                ])
            ),
            ("cache", Cache()),
            ("deploy", Deploy),
            ("git", Git()),
            ("services", ShapeText.ListOf(Service)),
            ("workspaces", Workspaces())
        );
        foreach (var phase in KeyTable.Phases)
            keys[phase] = new CommandsShape(isJob);
        foreach (var (key, shape) in LanguageKeys(isJob))
            keys.TryAdd(key, shape);
        return keys;
    }

    private static Dictionary<string, Shape> LanguageKeys(bool isJob)
    {
        var keys = ShapeText.Keys(
            Options,
            ("android", ShapeText.Map("components:texts licenses:texts")),
            ("gimme", ShapeText.Map("url force_reinstall:bool")),
            (
                "virtualenv",
                new MapShape
                {
                    Keys = ShapeText.Keys("system_site_packages:bool").ToFrozenDictionary(),
                    IsStrict = false,
                }
            ),
            ("edge", ShapeText.Map("source branch"))
        );
        foreach (var axis in KeyTable.Axes.Where(axis => axis.Key is not ("os" or "arch" or "bundle")))
            keys[axis.Key] =
                axis.Key == "dart_task" ? (isJob ? Task : Tasks)
                : isJob && axis.Key is not ("smalltalk_config" or "smalltalk_vm") ? ShapeText.Text
                : ShapeText.Texts;
        return keys;
    }

    private static AnyShape Cache() =>
        new([
            new MapShape
            {
                Keys = ShapeText
                    .Keys(
                        "directories:texts apt:bool bundler:bool cargo:bool ccache:bool cocoapods:bool npm:bool"
                            + " packages:bool pip:bool yarn:bool timeout:num edge:bool branch"
                    )
                    .ToFrozenDictionary(),
                IsCache = true,
                IsNormal = true,
            },
            new TruthShape(only: false) { IsNormal = true },
        ]);

    private static MapShape Git() =>
        new()
        {
            Keys = ShapeText
                .Keys(
                    "strategy:strategy depth:depth quiet:bool submodules:bool symlinks:bool submodules_depth:num"
                        + " lfs_skip_smudge:bool sparse_checkout autocrlf:autocrlf clone:bool",
                    ("strategy", new TextShape { Values = ValueTable.Of("clone", "tarball") }),
                    ("depth", new AnyShape([ShapeText.Number, ShapeText.Truth])),
                    ("autocrlf", new AnyShape([ShapeText.Truth, new TextShape { Values = ValueTable.Of("input") }]))
                )
                .ToFrozenDictionary(),
            OwnKeys = ["clone"],
        };

    private static MapShape Workspaces() =>
        ShapeText.Map(
            "create:create use:use",
            ("create", ShapeText.Map("name paths:texts")),
            (
                "use",
                new AnyShape([
                    new ListShape(ShapeText.Text) { IsNormal = true },
                    new MapShape { Keys = ShapeText.Keys("name:texts").ToFrozenDictionary(), IsNormal = true },
                ])
            )
        );

    private static MapShape Vm() =>
        ShapeText.Map(
            "size:size",
            ("size", new TextShape { Values = ValueTable.Of("medium", "large", "x-large", "2x-large") })
        );

    private static Shape Own(string key, bool isJob) =>
        key switch
        {
            "tty" or "fail_fast" => ShapeText.Truth,
            "retry" or "max_parallel" => ShapeText.Number,
            "reports" => ShapeText.Texts,
            "app_layer" => new AnyShape([ShapeText.Truth, ShapeText.Map("lock:texts"), ShapeText.Texts]),
            "resources" => ShapeText.Map("memory disk processes cpus"),
            "limits" => ShapeText.Map("time silence memory"),
            "versions" => new TextShape { Values = ValueTable.Versions },
            "missing_services" => new TextShape { Values = ValueTable.Of("error", "warn") },
            "bundle" when !isJob => ShapeText.Texts,
            _ => ShapeText.Text,
        };

    private static MapShape With(string keys, string prefix) =>
        new()
        {
            Keys = ShapeText.Keys(keys).ToFrozenDictionary(),
            Prefix = prefix,
            IsNormal = true,
        };
}
