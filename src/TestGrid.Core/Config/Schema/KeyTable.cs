using System.Collections.Frozen;

namespace TestGrid.Core.Config.Schema;

/// <summary>The keys that make jobs, and the phases. Which other keys there are is in the shapes.</summary>
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
