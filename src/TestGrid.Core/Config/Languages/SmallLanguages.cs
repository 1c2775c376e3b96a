using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Text;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

/// <summary>Languages whose defaults are a line or two. They run where somebody gives them a bundle.</summary>
internal static class SmallLanguages
{
    public static LanguageSteps Crystal(MatrixJob job, string? version) =>
        new(
            Announce: Lines(Run("crystal --version"), Run("shards --version")),
            Install: Choose(("-f shard.yml", Must("shards install"))),
            Script: Run("crystal spec")
        );

    public static LanguageSteps D(MatrixJob job, string? version) =>
        new(
            Export: $"export DC=${{DC:-{Bash.Word(Compiler(job.Text("d") ?? "ldc"))}}}",
            Announce: Lines(Run("$DC --version"), Run("dub --help")),
            Script: Run("dub test --compiler=$DC")
        );

    // ldc's program is called ldc2.
    private static string Compiler(string asked) => asked.Split('-')[0] is var name && name == "ldc" ? "ldc2" : name;

    public static LanguageSteps Dart(MatrixJob job, string? version) =>
        new(
            Export: Export("TRAVIS_DART_VERSION", job.Text("dart") ?? "stable"),
            Announce: Run("dart --version"),
            Install: Choose(("-f pubspec.yaml", Folded("pub_get", Must("pub get")))),
            Script: Choose(
                (
                    "-d packages/test || -n $(grep '^test:' .packages 2>/dev/null)",
                    Run("xvfb-run -s \"-screen 0 1024x768x24\" pub run test")
                )
            )
        );

    public static LanguageSteps Haxe(MatrixJob job, string? version)
    {
        var files = job.Text("hxml") is { } one ? one : null;
        return new LanguageSteps(
            Announce: Run("haxe -version"),
            Install: files is null ? null : Fetch($"yes | haxelib install {Bash.Word(files)}"),
            Script: files is null
                ? "travis_no_script 'No \"hxml\" or \"script\" defined, please override the script: key'"
                : Run($"haxe {Bash.Word(files)}")
        );
    }

    public static LanguageSteps Julia(MatrixJob job, string? version) =>
        new(
            Export: Lines(Export("TRAVIS_JULIA_VERSION", job.Text("julia") ?? "1"), "export JULIA_PROJECT=@."),
            Announce: Run("julia --color=yes -e 'using InteractiveUtils; versioninfo()'"),
            Script: Choose(
                (
                    "-f Project.toml || -f JuliaProject.toml",
                    Lines(
                        Must("julia --color=yes -e 'using Pkg; Pkg.build(verbose=true)'"),
                        Must("julia --check-bounds=yes --color=yes -e 'using Pkg; Pkg.test(coverage=true)'")
                    )
                )
            )
        );

    public static LanguageSteps Nix(MatrixJob job, string? version) =>
        new(Announce: Run("nix-env --version"), Script: Run("nix-build"));

    public static LanguageSteps Perl6(MatrixJob job, string? version) =>
        new(
            Export: Export("TRAVIS_PERL6_VERSION", job.Text("perl6") ?? "latest"),
            Announce: Run("perl6 --version"),
            Script: Run("PERL6LIB=lib prove --ext .t --ext .t6 -v -r --exec=perl6 t/")
        );

    public static LanguageSteps Matlab(MatrixJob job, string? version) =>
        new(Script: Run("matlab -batch \"assertSuccess(runtests('IncludeSubfolders',true));\""));

    public static LanguageSteps Smalltalk(MatrixJob job, string? version) => new(Script: Run("smalltalkci"));
}
