using System.Collections.Frozen;
using TestGrid.Core.Config.Matrix;

namespace TestGrid.Core.Config.Languages;

/// <summary>What one language means for a job.</summary>
/// <param name="Recipe">The language whose recipes it runs in: <c>cpp</c> runs in those of <c>c</c>.</param>
/// <param name="VersionKey">
/// The key that chooses a version of the recipe, or null: a compiler is chosen inside one bundle.
/// </param>
/// <param name="Steps">
/// What it does where the configuration does not say. The text is the chosen version, if there is one.
/// </param>
internal sealed record LanguageRule(string Recipe, string? VersionKey, Func<MatrixJob, string?, LanguageSteps> Steps)
{
    /// <summary>How its versions are written.</summary>
    public VersionWords Words { get; init; } = VersionWords.Plain;

    /// <summary>The key that chooses the version of this very job, where there are two.</summary>
    public Func<MatrixJob, string>? VersionKeyOf { get; init; }

    /// <summary>The key and the language of a second version that the same bundle must have: Elixir's Erlang.</summary>
    public (string Key, string Language)? Also { get; init; }

    public string? KeyFor(MatrixJob job) => VersionKeyOf?.Invoke(job) ?? VersionKey;
}

/// <summary>
/// Bash source of what a language does by itself, as <see cref="Jobs.Phase.IsDefault"/> wants it. Null for nothing.
/// </summary>
/// <param name="Export">Its variables, after those of the configuration.</param>
/// <param name="Setup">Chooses the version. A failure ends the job.</param>
/// <param name="Announce">Prints versions.</param>
/// <param name="Install">When there is no <c>install</c>.</param>
/// <param name="Script">When there is no <c>script</c>. Its last status counts.</param>
internal sealed record LanguageSteps(
    string? Export = null,
    string? Setup = null,
    string? Announce = null,
    string? Install = null,
    string? Script = null
);

/// <summary>Every language, one line each.</summary>
internal static class LanguageTable
{
    private static readonly FrozenDictionary<string, LanguageRule> Rules = new Dictionary<string, LanguageRule>
    {
        ["c"] = new("c", null, CompilerLanguage.C),
        ["cpp"] = new("c", null, CompilerLanguage.Cpp),
        ["python"] = new("python", "python", PythonLanguage.Steps) { Words = VersionWords.Python },
        ["generic"] = new("generic", null, GenericLanguage.Steps),
        ["shell"] = new("generic", null, GenericLanguage.Steps),
        ["minimal"] = new("generic", null, GenericLanguage.Steps),
        ["android"] = Jvm("android", JvmLanguage.Android),
        ["clojure"] = Jvm("clojure", JvmLanguage.Clojure),
        ["groovy"] = Jvm("java", JvmLanguage.Java),
        ["java"] = Jvm("java", JvmLanguage.Java),
        ["scala"] = Jvm("scala", JvmLanguage.Scala),
        ["csharp"] = new("csharp", "mono", DotnetLanguage.Steps)
        {
            Words = VersionWords.Mono,
            VersionKeyOf = DotnetLanguage.VersionKey,
        },
        ["elixir"] = new("elixir", "elixir", BeamLanguage.Elixir) { Also = ("otp_release", "erlang") },
        ["erlang"] = new("erlang", "otp_release", BeamLanguage.Erlang),
        ["go"] = new("go", "go", GoLanguage.Steps) { Words = VersionWords.Go },
        ["haskell"] = new("haskell", "ghc", HaskellLanguage.Steps),
        ["elm"] = new("node_js", "node_js", NodeLanguage.Elm) { Words = VersionWords.Node },
        ["node_js"] = new("node_js", "node_js", NodeLanguage.Steps) { Words = VersionWords.Node },
        ["perl"] = new("perl", "perl", PerlLanguage.Steps) { Words = VersionWords.Perl },
        ["php"] = new("php", "php", PhpLanguage.Steps) { Words = VersionWords.Php },
        ["r"] = new("r", "r", RLanguage.Steps) { Words = VersionWords.R },
        ["ruby"] = new("ruby", "rvm", RubyLanguage.Steps) { Words = VersionWords.Ruby },
        ["rust"] = new("rust", "rust", RustLanguage.Steps) { Words = VersionWords.Rust },
        ["crystal"] = new("crystal", "crystal", SmallLanguages.Crystal),
        ["d"] = new("d", "d", SmallLanguages.D) { Words = VersionWords.D },
        ["dart"] = new("dart", "dart", SmallLanguages.Dart),
        ["haxe"] = new("haxe", "haxe", SmallLanguages.Haxe),
        ["julia"] = new("julia", "julia", SmallLanguages.Julia),
        ["matlab"] = new("matlab", "matlab", SmallLanguages.Matlab),
        ["nix"] = new("nix", "nix", SmallLanguages.Nix),
        ["perl6"] = new("perl6", "perl6", SmallLanguages.Perl6),
        ["smalltalk"] = new("smalltalk", "smalltalk", SmallLanguages.Smalltalk),
        // It needs a Mac, and no runner is one: its defaults would never run.
        ["objective-c"] = Unknown("objective-c"),
    }.ToFrozenDictionary();

    /// <summary>The rule of a language; one that no table knows needs a recipe of its own name.</summary>
    public static LanguageRule Of(string language) =>
        Rules.TryGetValue(language, out var rule) ? rule : Unknown(language);

    private static LanguageRule Jvm(string recipe, Func<MatrixJob, string?, LanguageSteps> steps) =>
        new(recipe, "jdk", steps) { Words = VersionWords.Java };

    private static LanguageRule Unknown(string recipe) => new(recipe, null, (_, _) => new LanguageSteps());
}
