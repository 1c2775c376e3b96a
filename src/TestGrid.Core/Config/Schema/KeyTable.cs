using System.Collections.Frozen;

namespace TestGrid.Core.Config.Schema;

/// <summary>Which keys there are, where, and by which other names people write them.</summary>
internal static class KeyTable
{
    /// <summary>
    /// The axes, the slowest first. <c>bundle</c> is TestGrid's own; <c>env</c> comes after all of them.
    /// </summary>
    public static readonly AxisKey[] Axes =
    [
        new("bundle"),
        new("os"),
        new("arch") { Os = "linux" },
        new("compiler", "c", "cpp"),
        new("osx_image") { Os = "osx" },
        new("jdk", "android", "clojure", "groovy", "java", "ruby", "scala"),
        new("crystal", "crystal"),
        new("dotnet", "csharp"),
        new("mono", "csharp"),
        new("solution", "csharp"),
        new("d", "d"),
        new("dart", "dart"),
        new("dart_task", "dart"),
        new("elixir", "elixir"),
        new("otp_release", "elixir", "erlang"),
        new("elm", "elm"),
        new("node_js", "elm", "node_js"),
        new("go", "go"),
        new("hhvm", "php"),
        new("php", "php"),
        new("ghc", "haskell"),
        new("haxe", "haxe"),
        new("julia", "julia"),
        new("matlab", "matlab"),
        new("nix", "nix"),
        new("perl", "perl"),
        new("perl6", "perl6"),
        new("python", "python"),
        new("r", "r"),
        new("rvm", "ruby", "objective-c"),
        new("gemfile", "ruby", "objective-c"),
        new("xcode_scheme", "objective-c"),
        new("xcode_sdk", "objective-c"),
        new("rust", "rust"),
        new("scala", "scala"),
        new("smalltalk", "smalltalk"),
        new("smalltalk_config", "smalltalk"),
        new("smalltalk_vm", "smalltalk"),
    ];

    public static readonly FrozenDictionary<string, AxisKey> AxisByKey = Axes.ToFrozenDictionary(axis => axis.Key);

    /// <summary>The phases that a configuration may give, in the order they run.</summary>
    public static readonly string[] Phases =
    [
        "before_install",
        "install",
        "before_script",
        "script",
        "before_cache",
        "after_success",
        "after_failure",
        "before_deploy",
        "after_deploy",
        "after_script",
    ];

    /// <summary>What a job may say, besides axes, phases and languages' own options.</summary>
    private static readonly string[] JobOnly =
    [
        "language",
        "dist",
        "sudo",
        "env",
        "branches",
        "virt",
        "addons",
        "cache",
        "deploy",
        "git",
        "if",
        "services",
        "group",
        "workspaces",
        "keys",
        "vm",
        "vault",
        "keep_netrc",
        "tty",
        "limits",
        "versions",
    ];

    /// <summary>Options of single languages: they are carried along, and their language may read them.</summary>
    private static readonly string[] LanguageOptions =
    [
        "android",
        "bioc",
        "bioc_check",
        "bioc_packages",
        "bioc_required",
        "bioc_use_devel",
        "brew_packages",
        "bundler_args",
        "cabal",
        "cargo",
        "composer_args",
        "cran",
        "disable_homebrew",
        "elm_format",
        "elm_test",
        "fortran",
        "go_import_path",
        "gobuild_args",
        "gradle",
        "hxml",
        "latex",
        "lein",
        "matlab_products",
        "neko",
        "npm_args",
        "pandoc",
        "pandoc_version",
        "podfile",
        "r_binary_packages",
        "r_build_args",
        "r_check_args",
        "r_check_revdep",
        "r_github_packages",
        "r_packages",
        "repos",
        "sbt_args",
        "smalltalk_edge",
        "system_site_packages",
        "virtualenv",
        "warnings_are_errors",
        "with_content_shell",
        "xcode_destination",
        "xcode_project",
        "xcode_workspace",
        "yarn",
    ];

    /// <summary>Keys of the top level.</summary>
    public static readonly FrozenSet<string> Root =
    [
        .. Axes.Select(axis => axis.Key),
        .. Phases,
        .. JobOnly,
        .. LanguageOptions,
        "import",
        "stack",
        "stages",
        "jobs",
        "notifications",
        "version",
        "conditions",
        "filter_secrets",
        "trace",
        "perforce_test_path",
        "name",
        "stage",
    ];

    /// <summary>
    /// Keys of an entry of <c>jobs.include</c>; <c>exclude</c> and <c>allow_failures</c> take the same.
    /// </summary>
    public static readonly FrozenSet<string> Job =
    [
        .. Axes.Select(axis => axis.Key),
        .. Phases,
        .. JobOnly,
        .. LanguageOptions,
        "name",
        "stage",
        "allow_failure",
    ];

    public static readonly FrozenSet<string> Jobs = ["include", "exclude", "allow_failures", "fast_finish"];

    public static readonly FrozenSet<string> Git =
    [
        "strategy",
        "depth",
        "quiet",
        "submodules",
        "symlinks",
        "submodules_depth",
        "lfs_skip_smudge",
        "sparse_checkout",
        "autocrlf",
        "clone",
    ];

    public static readonly FrozenSet<string> Addons =
    [
        "apt",
        "apt_packages",
        "artifacts",
        "browserstack",
        "chrome",
        "code_climate",
        "coverity_scan",
        "deploy",
        "firefox",
        "homebrew",
        "hostname",
        "hosts",
        "jwt",
        "mariadb",
        "pkg",
        "postgresql",
        "rethinkdb",
        "sauce_connect",
        "sbom",
        "snaps",
        "sonarcloud",
        "srcclr",
        "ssh_known_hosts",
    ];

    public static readonly FrozenSet<string> Apt = ["packages", "sources", "update", "config", "dist"];

    public static readonly FrozenSet<string> Limits = ["time", "silence", "memory"];

    /// <summary>Other names of keys, as Travis takes them.</summary>
    public static readonly FrozenDictionary<string, string> Aliases = new Dictionary<string, string>
    {
        ["matrix"] = "jobs",
        ["branch"] = "branches",
        ["node"] = "node_js",
        ["ruby"] = "rvm",
        ["rbenv"] = "rvm",
        ["gemfiles"] = "gemfile",
        ["allowed_failures"] = "allow_failures",
        ["allow_failure"] = "allow_failures",
        ["fast_failure"] = "fast_finish",
    }.ToFrozenDictionary();
}

/// <summary>A key whose list of values makes an axis.</summary>
/// <param name="Key">The key.</param>
/// <param name="Languages">The languages that know it; none for all.</param>
internal sealed record AxisKey(string Key, params string[] Languages)
{
    /// <summary>The only operating system it means something on, or null.</summary>
    public string? Os { get; init; }

    public bool IsFor(string language, IEnumerable<string> os) =>
        (Languages.Length == 0 || Languages.Contains(language)) && (Os is null || os.Contains(Os));
}
