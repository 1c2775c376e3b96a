using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Text;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

/// <summary>Erlang and Elixir.</summary>
internal static class BeamLanguage
{
    private const string HasConfig = "( -f rebar.config || -f Rebar.config )";

    private const string ActivateOtp = """
        if [[ -f $HOME/otp/@V/activate ]]; then
          travis_cmd 'source ~/otp/@V/activate' --assert --echo --timing
        fi
        """;

    public static LanguageSteps Erlang(MatrixJob job, string? version)
    {
        var release = job.Text("otp_release") ?? version ?? "";
        return new LanguageSteps(
            Export: Export("TRAVIS_OTP_RELEASE", release),
            Setup: Otp(release),
            Install: Choose(
                ($"{HasConfig} && -f ./rebar", Fetch("./rebar get-deps")),
                ($"{HasConfig} && -z $(command -v rebar3)", Fetch("rebar get-deps"))
            ),
            Script: Choose(
                ($"{HasConfig} && -f ./rebar", Run("./rebar compile && ./rebar skip_deps=true eunit")),
                ($"{HasConfig} && -n $(command -v rebar3)", Run("rebar3 eunit")),
                (HasConfig, Run("rebar compile && rebar skip_deps=true eunit")),
                ("", Run("make test"))
            )
        );
    }

    public static LanguageSteps Elixir(MatrixJob job, string? version)
    {
        var elixir = job.Text("elixir") ?? version ?? "";
        var release = job.Text("otp_release") ?? "";
        return new LanguageSteps(
            Export: Lines(
                Export("TRAVIS_ELIXIR_VERSION", elixir),
                release.Length == 0 ? "" : Export("TRAVIS_OTP_RELEASE", release)
            ),
            Setup: Lines(
                Otp(release),
                "if command -v kiex >/dev/null; then",
                Must("kiex use " + Bash.Word(elixir)),
                "fi"
            ),
            Announce: Run("elixir --version"),
            Install: Lines(
                VersionWish.IsAtLeast(elixir, 1, 3) ? Folded("install.rebar", Must("mix local.rebar --force")) : "",
                Folded("install.hex", Must("mix local.hex --force")),
                Folded("install.deps", Must("mix deps.get"))
            ),
            Script: Run("mix test")
        );
    }

    // It goes into a path.
    private static string Otp(string release) =>
        release.Length > 0 && release.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-')
            ? ActivateOtp.Replace("@V", release, StringComparison.Ordinal)
            : "";
}
