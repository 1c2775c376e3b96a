using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Text;
using TestGrid.Core.Yaml;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

/// <summary>An R package: its dependencies, <c>R CMD build</c> and <c>R CMD check</c>.</summary>
internal static class RLanguage
{
    private const string Required =
        "travis_no_script 'No DESCRIPTION file found, user must supply their own install and script steps'";

    // Where packages come from is this machine's business (its Rprofile): no repository is named here.
    private const string Dependencies =
        "remotes::install_deps(dependencies = TRUE); "
        + "want <- remotes::dev_package_deps(dependencies = NA)$package; "
        + "missing <- setdiff(want, rownames(installed.packages())); "
        + "if (length(missing) > 0) { message(\"missing: \", paste(missing, collapse = \", \")); q(status = 1, save = \"no\") }";

    private const string Tarball = """
        export PKG_TARBALL=$(perl -ne '$v = $1 if /^Version:\s(\S+)/; $p = $1 if /^Package:\s*(\S+)/; END { print "${p}_$v.tar.gz" }' DESCRIPTION)
        """;

    private const string Logs = """
        for _tg_kind in fail log out; do
          travis_fold start "$_tg_kind.logs"
          find "$RCHECK_DIR" -type f -name "*$_tg_kind" -exec sh -c 'for f; do printf ">>> Filename: %s <<<\n" "$f"; cat "$f"; done' sh {} +
          travis_fold end "$_tg_kind.logs"
        done
        unset _tg_kind
        """;

    public static LanguageSteps Steps(MatrixJob job, string? version)
    {
        var build = Args(job.Text("r_build_args"));
        var check = Args(job.Text("r_check_args") ?? "--as-cran");
        var isStrict = ValueTable.Truth(job.Text("warnings_are_errors")) ?? true;
        return new LanguageSteps(
            Export: Lines(
                Export("TRAVIS_R_VERSION", job.Text("r") ?? "release"),
                "export NOT_CRAN=${NOT_CRAN-true} _R_CHECK_CRAN_INCOMING_=${_R_CHECK_CRAN_INCOMING_-false}",
                "export R_LIBS_USER=${R_LIBS_USER:-$HOME/R/Library} R_LIBS_SITE=${R_LIBS_SITE:-/usr/local/lib/R/site-library:/usr/lib/R/site-library}"
            ),
            Setup: "mkdir -p \"$R_LIBS_USER\"\nexport TRAVIS_R_VERSION_STRING=$(Rscript -e 'cat(as.character(getRversion()))' 2>/dev/null)",
            Announce: Run("Rscript -e 'sessionInfo()'"),
            Install: Lines(
                Choose(("! -e DESCRIPTION", Required)),
                Folded(
                    "R-dependencies",
                    Lines([
                        .. Packages(job, "r_packages", "install.packages"),
                        Must(
                            "Rscript -e 'if (!requireNamespace(\"remotes\", quietly = TRUE)) install.packages(\"remotes\")'"
                        ),
                        .. Packages(job, "r_github_packages", "remotes::install_github"),
                        Must($"Rscript -e {Bash.Quote(Dependencies)}"),
                    ])
                )
            ),
            Script: Lines(
                Choose(("! -e DESCRIPTION", Required)),
                Tarball,
                Folded("R-build", Must($"R CMD build{build} .")),
                Folded("R-check", Run($"R CMD check \"${{PKG_TARBALL}}\"{check}; CHECK_RET=$?")),
                "export RCHECK_DIR=${PKG_TARBALL%_*}.Rcheck",
                Choose(("$CHECK_RET -ne 0", Lines(Logs, "travis_no_script 'R CMD check failed'"))),
                isStrict
                    ? "if grep -q -R WARNING \"$RCHECK_DIR/00check.log\"; then\n"
                        + Lines(Logs, "travis_no_script 'Found warnings, treating as errors (as requested)'")
                        + "\nfi"
                    : "",
                "true"
            )
        );
    }

    private static IEnumerable<string> Packages(MatrixJob job, string key, string function)
    {
        var names = job.Keys[key] switch
        {
            YamlList list => list.Items.OfType<YamlScalar>().Select(item => item.Text!),
            YamlScalar { Text: { } one } => [one],
            _ => [],
        };
        var quoted = names
            .Where(name =>
                name.Length > 0
                && name.All(c => char.IsAsciiLetterOrDigit(c) || "._-/@#".Contains(c, StringComparison.Ordinal))
            )
            .Select(name => $"\"{name}\"");
        return quoted.Any() ? [Must($"Rscript -e '{function}(c({string.Join(", ", quoted)}))'")] : [];
    }
}
