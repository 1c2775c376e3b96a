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
internal sealed record LanguageRule(string Recipe, string? VersionKey, Func<MatrixJob, string?, LanguageSteps> Steps);

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
        ["python"] = new("python", "python", PythonLanguage.Steps),
        ["generic"] = new("generic", null, GenericLanguage.Steps),
        ["shell"] = new("generic", null, GenericLanguage.Steps),
        ["minimal"] = new("generic", null, GenericLanguage.Steps),
        ["android"] = Unknown("android", "jdk"),
        ["clojure"] = Unknown("java", "jdk"),
        ["crystal"] = Unknown("crystal", "crystal"),
        ["csharp"] = Unknown("csharp", "dotnet"),
        ["d"] = Unknown("d", "d"),
        ["dart"] = Unknown("dart", "dart"),
        ["elixir"] = Unknown("elixir", "elixir"),
        ["elm"] = Unknown("node_js", "node_js"),
        ["erlang"] = Unknown("erlang", "otp_release"),
        ["go"] = Unknown("go", "go"),
        ["groovy"] = Unknown("java", "jdk"),
        ["haskell"] = Unknown("haskell", "ghc"),
        ["haxe"] = Unknown("haxe", "haxe"),
        ["java"] = Unknown("java", "jdk"),
        ["julia"] = Unknown("julia", "julia"),
        ["matlab"] = Unknown("matlab", "matlab"),
        ["nix"] = Unknown("nix", "nix"),
        ["node_js"] = Unknown("node_js", "node_js"),
        ["objective-c"] = Unknown("objective-c", null),
        ["perl"] = Unknown("perl", "perl"),
        ["perl6"] = Unknown("perl6", "perl6"),
        ["php"] = Unknown("php", "php"),
        ["r"] = Unknown("r", "r"),
        ["ruby"] = Unknown("ruby", "rvm"),
        ["rust"] = Unknown("rust", "rust"),
        ["scala"] = Unknown("java", "scala"),
        ["smalltalk"] = Unknown("smalltalk", "smalltalk"),
    }.ToFrozenDictionary();

    /// <summary>The rule of a language; one that no table knows needs a recipe of its own name.</summary>
    public static LanguageRule Of(string language) =>
        Rules.TryGetValue(language, out var rule) ? rule : Unknown(language, null);

    // A language whose defaults are not written yet: it runs what the configuration says, in a recipe that offers it.
    private static LanguageRule Unknown(string recipe, string? versionKey) =>
        new(recipe, versionKey, (_, _) => new LanguageSteps());
}
