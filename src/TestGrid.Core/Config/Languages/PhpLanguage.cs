using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Text;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

/// <summary>PHP: phpunit, wherever composer put it.</summary>
internal static class PhpLanguage
{
    // Composer is not updated by itself, as Travis does it: a bundle's programs stay what its digest says.
    private const string ChoosePhp = """
        if command -v phpenv >/dev/null; then
          travis_cmd @USE --assert --echo --timing
        elif [[ -x /usr/bin/php@V ]]; then
          mkdir -p "$HOME/bin" && ln -sf /usr/bin/php@V "$HOME/bin/php"
        fi
        export PATH=$HOME/.composer/vendor/bin:$HOME/.config/composer/vendor/bin:$PATH
        """;

    private const string Script = """
        _phpunit_bin=$(jq -r '.config["bin-dir"] // empty' "$TRAVIS_BUILD_DIR/composer.json" 2>/dev/null)/phpunit
        if [[ -n ${COMPOSER_BIN_DIR:-} && -x ${COMPOSER_BIN_DIR:-}/phpunit ]]; then
          travis_cmd '$COMPOSER_BIN_DIR/phpunit' --echo --timing
        elif [[ $_phpunit_bin != /phpunit && -x $_phpunit_bin ]]; then
          printf '$ %s\n' "$_phpunit_bin"
          travis_cmd '${_phpunit_bin}' --timing
        elif [[ -x $TRAVIS_BUILD_DIR/vendor/bin/phpunit ]]; then
          travis_cmd '$TRAVIS_BUILD_DIR/vendor/bin/phpunit' --echo --timing
        else
          travis_cmd phpunit --echo --timing
        fi
        """;

    public static LanguageSteps Steps(MatrixJob job, string? version)
    {
        var asked = job.Text("php") ?? version ?? "7.2";
        return new LanguageSteps(
            Export: Export("TRAVIS_PHP_VERSION", asked),
            Setup: ChoosePhp
                .Replace("@USE", Bash.Quote("phpenv global " + Bash.Word(asked)), StringComparison.Ordinal)
                .Replace("@V", Major(version ?? asked), StringComparison.Ordinal),
            Announce: Lines(
                Run("php --version"),
                "if command -v composer >/dev/null; then",
                Run("composer --version"),
                "fi"
            ),
            Script: Script
        );
    }

    // It goes into a path: digits and dots only, two parts.
    private static string Major(string version) =>
        version.All(c => char.IsAsciiDigit(c) || c == '.') ? string.Join('.', version.Split('.').Take(2)) : "";
}
