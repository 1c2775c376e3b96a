using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Text;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

/// <summary>Node.js with npm or yarn, and Elm on top of it.</summary>
internal static class NodeLanguage
{
    // With nvm as Travis has it, else from the versions that a bundle holds side by side; their headers are there too, so
    // that node-gyp need not fetch them. Global packages lie where only root may write: a job's go to its home.
    private const string ChooseNode = """
        export PATH=./node_modules/.bin:$PATH
        if [[ $(type -t nvm) == function ]]; then
          travis_fold start nvm.install
          travis_cmd @USE --assert --echo --timing
          travis_fold end nvm.install
        else
          if [[ -x /opt/node-@V/bin/node ]]; then
            export PATH=/opt/node-@V/bin:$PATH npm_config_nodedir=/opt/node-@V
          fi
          export NPM_CONFIG_PREFIX=$HOME/.npm-global
          export PATH=$NPM_CONFIG_PREFIX/bin:$PATH
        fi
        """;

    private const string Announce = """
        travis_cmd 'node --version' --echo --timing
        travis_cmd 'npm --version' --echo --timing
        if [[ -f yarn.lock ]]; then travis_cmd 'yarn --version' --echo --timing; fi
        """;

    private const string HasYarn = "-f yarn.lock && $(travis_vers2int \"$(node --version)\") -ge $(travis_vers2int 4)";

    private const string HasLock =
        "$(travis_vers2int \"$(npm -v)\") -ge $(travis_vers2int 5.8.0) && ( -f npm-shrinkwrap.json || -f package-lock.json )";

    public static LanguageSteps Steps(MatrixJob job, string? version)
    {
        var given = job.Text("node_js");
        return new LanguageSteps(
            Export: Export("TRAVIS_NODE_VERSION", given ?? version),
            Setup: ChooseNode
                .Replace(
                    "@USE",
                    Bash.Quote("nvm install " + Bash.Word(given ?? version ?? "node")),
                    StringComparison.Ordinal
                )
                .Replace("@V", Major(version), StringComparison.Ordinal),
            Announce: Announce,
            Install: Install(job),
            Script: Choose(
                ($"-f package.json && {HasYarn}", Run("yarn test")),
                ("-f package.json", Run("npm test")),
                ("", Run("make test"))
            )
        );
    }

    // It goes into a path: digits only.
    private static string Major(string? version) =>
        version?.Split('.')[0] is { } major && major.All(char.IsAsciiDigit) ? major : "";

    public static LanguageSteps Elm(MatrixJob job, string? version) =>
        Steps(job, version) with
        {
            Script = Run("elm-format --validate . && elm-test"),
        };

    private static string Install(MatrixJob job)
    {
        // Travis's texts end with a space where no arguments are given; nobody can see that here.
        var arguments = Args(job.Text("npm_args"));
        return Choose(
            (
                $"-f package.json && {HasYarn}",
                Choose(
                    (
                        "$(travis_vers2int \"$(yarn -v)\") -ge $(travis_vers2int 0.19.0)",
                        Fetch("yarn --frozen-lockfile")
                    ),
                    ("", Fetch("yarn"))
                )
            ),
            ($"-f package.json && {HasLock}", Fetch("npm ci" + arguments, "install.npm")),
            ("-f package.json", Fetch("npm install" + arguments, "install.npm"))
        );
    }
}
