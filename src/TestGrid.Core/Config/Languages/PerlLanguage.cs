using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Text;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

internal static class PerlLanguage
{
    // Without perlbrew modules go to the job's home, where local::lib would put them: Debian's own place is root's.
    private const string ChoosePerl = """
        if [[ $(type -t perlbrew) == function ]]; then
          travis_cmd @USE --assert --echo --timing
        else
          export PERL_LOCAL_LIB_ROOT=$HOME/perl5
          export PERL_MB_OPT="--install_base $HOME/perl5" PERL_MM_OPT="INSTALL_BASE=$HOME/perl5"
          export PERL5LIB=$HOME/perl5/lib/perl5${PERL5LIB:+:$PERL5LIB}
          export PATH=$HOME/perl5/bin:$PATH
        fi
        """;

    public static LanguageSteps Steps(MatrixJob job, string? version)
    {
        var asked = VersionWords.Perl.Read(job.Text("perl") ?? version ?? "5.14").Text;
        return new LanguageSteps(
            Export: Export("TRAVIS_PERL_VERSION", asked),
            Setup: ChoosePerl.Replace("@USE", Bash.Quote("perlbrew use " + Bash.Word(asked)), StringComparison.Ordinal),
            Announce: Lines(Run("perl --version"), Run("cpanm --version")),
            Install: Fetch("cpanm --quiet --installdeps --notest ."),
            Script: Choose(
                ("-f Build.PL", Run("perl Build.PL && ./Build && ./Build test")),
                ("-f Makefile.PL", Run("perl Makefile.PL && make test")),
                ("", Run("make test"))
            )
        );
    }
}
