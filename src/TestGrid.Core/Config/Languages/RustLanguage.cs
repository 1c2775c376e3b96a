using TestGrid.Core.Config.Matrix;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

internal static class RustLanguage
{
    public static LanguageSteps Steps(MatrixJob job, string? version) =>
        new(
            Export: Export("TRAVIS_RUST_VERSION", job.Text("rust") ?? "stable"),
            Setup: """
            if [[ -f $HOME/.cargo/env ]]; then source "$HOME/.cargo/env"; fi
            export PATH=$HOME/.cargo/bin:$PATH
            """,
            Announce: Lines(Run("rustc --version"), Run("cargo --version")),
            // Two commands and one result, that of the last: as on Travis.
            Script: Lines(Run("cargo build --verbose"), Run("cargo test --verbose"))
        );
}
