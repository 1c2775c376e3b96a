using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Text;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

/// <summary>Go, with the GOPATH that files of before modules expect.</summary>
internal static class GoLanguage
{
    private const string HasMakefile = "-f GNUmakefile || -f makefile || -f Makefile || -f BSDmakefile";

    // A module stays where it is: go does not look behind a link for the packages of one. Without go.mod the checkout
    // must be inside GOPATH, or its own packages are not found.
    private const string Workspace = """
        export GOPATH=$HOME/gopath
        export PATH=$HOME/gopath/bin:$PATH
        mkdir -p "$GOPATH/src" "$GOPATH/bin"
        if [[ ! -f go.mod ]]; then
          mkdir -p "$GOPATH/src/${TRAVIS_GO_IMPORT_PATH%/*}"
          ln -sfn "$TRAVIS_BUILD_DIR" "$GOPATH/src/$TRAVIS_GO_IMPORT_PATH"
          export TRAVIS_BUILD_DIR=$GOPATH/src/$TRAVIS_GO_IMPORT_PATH
          travis_cmd 'cd "$TRAVIS_BUILD_DIR"' --assert
        fi
        """;

    // A bundle may hold several, as Debian has them.
    private const string ChooseGo = "if [[ -x /usr/lib/go-@V/bin/go ]]; then export PATH=/usr/lib/go-@V/bin:$PATH; fi";

    private const string Godeps = """
        if [[ -f Godeps/Godeps.json ]]; then
          export GOPATH=$TRAVIS_BUILD_DIR/Godeps/_workspace:$GOPATH
          export PATH=$TRAVIS_BUILD_DIR/Godeps/_workspace/bin:$PATH
        fi
        """;

    public static LanguageSteps Steps(MatrixJob job, string? version)
    {
        var asked = job.Text("go") ?? version;
        var build = Args(job.Text("gobuild_args") ?? "-v");
        var import = job.Text("go_import_path") is { } path
            ? Bash.Quote(path)
            : "$(case ${TESTGRID_HOST:-} in *.*) printf %s \"$TESTGRID_HOST\" ;; *) printf github.com ;; esac)/$TRAVIS_REPO_SLUG";
        return new LanguageSteps(
            Export: Lines(
                Export("TRAVIS_GO_VERSION", asked),
                Export("GIMME_GO_VERSION", asked),
                $"export TRAVIS_GO_IMPORT_PATH={import}",
                "export GO111MODULE=${GO111MODULE:-auto}",
                "export GOMAXPROCS=${GOMAXPROCS:-$(nproc)}"
            ),
            Setup: Lines(ChooseGo.Replace("@V", Minor(version), StringComparison.Ordinal), Workspace),
            Announce: Lines(Run("go version"), Run("go env")),
            Install: Lines(
                Godeps,
                Choose((HasMakefile, Echo("Makefile detected")), ("", Fetch($"go get{build}{Tests(build)} ./...")))
            ),
            Script: Choose((HasMakefile, Run("make")), ("", Run($"go test{build} ./...")))
        );
    }

    // It goes into a path: digits and dots only, two parts.
    private static string Minor(string? version) =>
        version is not null && version.All(c => char.IsAsciiDigit(c) || c == '.')
            ? string.Join('.', version.Split('.').Take(2))
            : "";

    private static string Tests(string build) => build.Split(' ').Contains("-t") ? "" : " -t";
}
