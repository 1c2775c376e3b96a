using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Text;

namespace TestGrid.Core.Config.Languages;

/// <summary>
/// Python in a virtualenv at the place where Travis has it, so that <c>python</c> and <c>python3</c> are the version
/// asked for.
/// </summary>
internal static class PythonLanguage
{
    // A bundle may hold the virtualenv ready. Else it is made here, which takes 0.1 s: without pip, because ensurepip
    // takes seconds and Debian keeps it in another package, and with the system's packages, because those are what a
    // job without a package index can have (apt: python3-pytest). `pip` is then the system's, run by this environment's
    // interpreter: the system's own `pip` would install into the system, which Debian forbids. Python 2 has no venv and
    // Debian no pip for it: virtualenv has both, of its own, and takes 1 s.
    private const string MakeVirtualenv = """
        if [[ ! -f "$HOME/virtualenv/python@V/bin/activate" ]]; then
          _tg_python="$(command -v python@V || command -v python3)"
          _tg_venv="$HOME/virtualenv/python@V"
          if [[ @V == 2* ]]; then
            travis_cmd 'virtualenv -q --no-download --system-site-packages -p "$_tg_python" "$_tg_venv"' --assert
          else
            travis_cmd '"$_tg_python" -m venv --without-pip --system-site-packages "$_tg_venv"' --assert
            for _tg_tool in pip pip3 pip@V; do
              printf '#!/bin/sh\nexec "%s" -m pip "$@"\n' "$_tg_venv/bin/python" >"$_tg_venv/bin/$_tg_tool"
              chmod +x "$_tg_venv/bin/$_tg_tool"
            done
          fi
          unset _tg_python _tg_tool _tg_venv
        fi
        travis_cmd 'source ~/virtualenv/python@V/bin/activate' --assert --echo --timing
        """;

    private const string Announce = """
        travis_cmd 'python --version' --echo --timing
        travis_cmd 'pip --version' --echo --timing
        """;

    private const string Install = """
        if [[ -f Requirements.txt ]]; then
          travis_fold start install
          travis_cmd 'pip install -r Requirements.txt' --assert --echo --retry --timing
          travis_fold end install
        elif [[ -f requirements.txt ]]; then
          travis_fold start install
          travis_cmd 'pip install -r requirements.txt' --assert --echo --retry --timing
          travis_fold end install
        else
          echo 'Could not locate requirements.txt.' \
            'Override the install: key in your .travis.yml to install dependencies.'
        fi
        """;

    private const string Script =
        "travis_no_script 'Please override the script: key in your .travis.yml to run tests.'";

    public static LanguageSteps Steps(MatrixJob job, string? version)
    {
        version ??= job.Text("python") ?? "3";
        return new LanguageSteps(
            Export: $"export TRAVIS_PYTHON_VERSION={Bash.Quote(version)}",
            Setup: IsVersion(version) ? MakeVirtualenv.Replace("@V", version, StringComparison.Ordinal) : null,
            Announce: Announce,
            Install: Install,
            Script: Script
        );
    }

    // It goes into bash source and a path: digits and dots only.
    private static bool IsVersion(string version) => version.All(c => char.IsAsciiDigit(c) || c == '.');
}
