using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Text;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

/// <summary>C#: mono with a solution; with .NET alone a configuration brings its own commands.</summary>
internal static class DotnetLanguage
{
    public static LanguageSteps Steps(MatrixJob job, string? version)
    {
        var solution = job.Text("solution");
        var file = solution is null ? null : Bash.Word(solution);
        var isMono = job.Text("mono") != "none";
        return new LanguageSteps(
            Export: solution is null ? null : Export("TRAVIS_SOLUTION", solution),
            Announce: Lines(
                isMono ? Run("mono --version") : "",
                job.Text("dotnet") is null ? "" : Run("dotnet --info")
            ),
            Install: isMono && file is not null ? Fetch($"nuget restore {file}") : null,
            Script: isMono && file is not null
                ? Choose(
                    ("-x $(command -v msbuild)", Run($"msbuild /p:Configuration=Release {file}")),
                    ("", Run($"xbuild /p:Configuration=Release {file}"))
                )
                : "travis_no_script 'No solution or script defined, exiting'"
        );
    }

    /// <summary>The key whose version the bundle must have: .NET's where it is asked for, else mono's.</summary>
    public static string VersionKey(MatrixJob job) =>
        job.Text("dotnet") is not null || job.Text("mono") == "none" ? "dotnet" : "mono";
}
