using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Text;
using TestGrid.Core.Yaml;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

/// <summary>Ruby with bundler; also what Travis does for a file that names no language.</summary>
internal static class RubyLanguage
{
    // With rvm as Travis has it. A Debian ruby keeps its gems where only root may write: a job's go to its home.
    private const string ChooseRuby = """
        if [[ $(type -t rvm) == function ]]; then
          travis_fold start rvm
          travis_cmd @USE --assert --echo --timing
          travis_fold end rvm
        elif command -v ruby >/dev/null; then
          export GEM_HOME=$HOME/.gem/ruby/$(ruby -e 'print RbConfig::CONFIG["ruby_version"]')
          export PATH=$GEM_HOME/bin:$PATH
        fi
        """;

    private const string Announce = """
        travis_cmd 'ruby --version' --echo --timing
        travis_cmd 'gem --version' --echo --timing
        travis_cmd 'bundle --version' --echo --timing
        """;

    private const string EmptyVendorCache = """
        if [[ -e vendor/cache && $(du -s vendor/cache | cut -f 1) -eq 0 ]]; then
          travis_cmd 'rm -rf vendor/cache' --echo --timing
        fi
        """;

    public static LanguageSteps Steps(MatrixJob job, string? version)
    {
        var asked = job.Text("rvm") ?? "default";
        var gemfile = job.Text("gemfile");
        return new LanguageSteps(
            Export: Export("TRAVIS_RUBY_VERSION", version ?? asked),
            Setup: Lines(
                ChooseRuby.Replace(
                    "@USE",
                    Bash.Quote($"rvm use {Bash.Word(asked)} --install --binary --fuzzy"),
                    StringComparison.Ordinal
                ),
                Gemfile(gemfile)
            ),
            Announce: Announce,
            Install: Install(job),
            Script: Choose(($"-f {Bash.Quote(gemfile ?? "Gemfile")}", Run("bundle exec rake")), ("", Run("rake")))
        );
    }

    private static string Gemfile(string? given)
    {
        var path = Bash.Quote(given ?? "Gemfile");
        var export = $"export BUNDLE_GEMFILE=$PWD/{path}";
        return given is null
            ? Choose(($"-f {path}", export))
            : Choose(
                ($"-f {path}", export),
                (
                    "",
                    $"travis_no_script {Bash.Quote($"The gemfile {Shapes.Short(given)} of the configuration does not exist.")}"
                )
            );
    }

    private static string Install(MatrixJob job)
    {
        var arguments = job.Text("bundler_args");
        var path = CachesBundler(job.Keys["cache"]) ? " --path=vendor/bundle" : "";
        var locked = Args(arguments ?? $"--jobs=3 --retry=3 --deployment{path}");
        var free = Args(arguments ?? $"--jobs=3 --retry=3{path}");
        const string file = "${BUNDLE_GEMFILE:-Gemfile}";
        return Choose(
            ($"-f {file} && -f {file}.lock", Lines(EmptyVendorCache, Bundle(locked))),
            ($"-f {file}", Bundle(free)),
            ("", Echo("No Gemfile found, skipping bundle install"))
        );

        static string Bundle(string arguments) => Fetch("bundle install" + arguments, "install.bundler");
    }

    private static bool CachesBundler(YamlNode? cache) =>
        cache is YamlMap map
            ? ValueTable.Truth((map["bundler"] as YamlScalar)?.Text) == true
            : cache is YamlScalar { Text: "bundler" }
                || (cache is YamlList list && list.Items.Any(item => item is YamlScalar { Text: "bundler" }));
}
