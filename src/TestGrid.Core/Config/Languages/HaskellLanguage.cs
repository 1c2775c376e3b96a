using TestGrid.Core.Config.Matrix;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

internal static class HaskellLanguage
{
    public static LanguageSteps Steps(MatrixJob job, string? version) =>
        new(
            Export: Export("TRAVIS_HASKELL_VERSION", job.Text("ghc") ?? version ?? "7.10.3"),
            Setup: "travis_cmd 'cabal update' --assert --echo --retry --timing",
            Announce: Lines(Run("ghc --version"), Run("cabal --version")),
            Install: Fetch("cabal install --only-dependencies --enable-tests"),
            Script: Run("cabal configure --enable-tests && cabal build && cabal test")
        );
}
