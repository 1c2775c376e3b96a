using System.Globalization;
using System.Text;
using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Text;

namespace TestGrid.Core.Orders;

/// <summary>The part of a job's script that sets its environment.</summary>
internal static class JobScriptEnv
{
    /// <summary>
    /// Travis's cut, in bytes. A longer message would make every <c>exec</c> of the job fail with E2BIG.
    /// </summary>
    private const int MessageBytes = 32768;

    // The machine's profile first, then Travis's PATH (with ~/bin, and the sbin folders that Debian keeps from users). Debian's
    // profile asks `id -u`, which bash knows without starting a program.
    private const string Header = """
        export TRAVIS_ROOT=${TRAVIS_ROOT:-/} TRAVIS_HOME=$HOME
        id() { if [[ $* == -u ]]; then echo "$EUID"; else command id "$@"; fi; }
        if [[ -s ${TRAVIS_ROOT}etc/profile ]]; then source "${TRAVIS_ROOT}etc/profile"; fi
        unset -f id
        if [[ -s $HOME/.bash_profile ]]; then source "$HOME/.bash_profile"; fi
        set +eu
        case :$PATH: in
        *:/usr/sbin:*) ;;
        *) PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin ;;
        esac
        export PATH=$HOME/bin:$HOME/.local/bin:$PATH
        export USER=${USER:-travis} SHELL=/bin/bash TERM=xterm
        export LANG=${LANG:-C.UTF-8} LC_ALL=${LC_ALL:-C.UTF-8} TZ=${TZ:-UTC}
        export PAGER=cat GIT_ASKPASS=echo DEBIAN_FRONTEND=noninteractive
        export RAILS_ENV=test RACK_ENV=test MERB_ENV=test
        export JRUBY_OPTS='--server -Dcext.enabled=false -Xcompile.invokedynamic=false'
        export CI=true CONTINUOUS_INTEGRATION=true TRAVIS=true HAS_JOSH_K_SEAL_OF_APPROVAL=true TESTGRID=true
        export TRAVIS_APP_HOST= TRAVIS_APT_PROXY= TRAVIS_INIT=systemd TRAVIS_INFRA= TRAVIS_OSX_IMAGE=
        export TRAVIS_OS_NAME=linux TRAVIS_CPU_ARCH=amd64 TRAVIS_ARCH=amd64 TRAVIS_DIST= TRAVIS_SUDO=true
        export TRAVIS_TEST_RESULT= TRAVIS_CMD= TRAVIS_TMPDIR=$HOME/.travis/tmp
        if [[ -r ${TRAVIS_ROOT}etc/os-release ]]; then
          while IFS='=' read -r _tg_name _tg_value; do
            if [[ $_tg_name == VERSION_CODENAME ]]; then TRAVIS_DIST=${_tg_value//\"/}; fi
          done <"${TRAVIS_ROOT}etc/os-release"
          unset _tg_name _tg_value
        fi

        """;

    // The names of secrets are told, their values are in the process's environment already.
    private const string Secrets = """
        export TRAVIS_SECURE_ENV_VARS=false
        travis_time_start
        if [[ -n ${TESTGRID_SECRET_NAMES:-} ]]; then
          export TRAVIS_SECURE_ENV_VARS=true
          printf '\n\033[33;1mSetting environment variables from repository settings\033[0m\n'
          for _tg_name in $TESTGRID_SECRET_NAMES; do printf '$ export %s=[secure]\n' "$_tg_name"; done
          unset _tg_name
        fi
        unset TESTGRID_SECRET_NAMES

        """;

    /// <summary>What is there before the configuration speaks, and the working folder.</summary>
    public static void Append(StringBuilder script, JobOrder order)
    {
        script.Append(Header);
        foreach (var (name, value) in Variables(order))
            script.Append("export ").Append(name).Append('=').Append(Bash.Quote(value)).Append('\n');
        var slug = Bash.Quote(order.Repository.Slug);
        script.Append("export TRAVIS_BUILD_DIR=$HOME/build/").Append(slug).Append('\n');
        script.Append(
            "if [[ ! -d $TRAVIS_BUILD_DIR ]]; then mkdir -p \"$TRAVIS_BUILD_DIR\"; fi\n"
                + "if ! cd \"$TRAVIS_BUILD_DIR\"; then travis_terminate 2; fi\n\n"
        );
    }

    /// <summary>
    /// The configuration's variables, as it wrote them: bash expands and runs what stands in them, in order.
    /// </summary>
    public static void AppendConfigured(StringBuilder script, JobConfig config)
    {
        script.Append(Secrets);
        if (!config.Env.IsEmpty)
        {
            var from = Bash.Quote($"Setting environment variables from {config.ConfigFile}");
            script.Append("printf '\\n\\033[33;1m%s\\033[0m\\n' ").Append(from).Append('\n');
            foreach (var variable in config.Env)
            {
                var export = $"export {variable.Name}={variable.Value}";
                script.Append("travis_cmd ").Append(Bash.Quote(export)).Append(" --echo\n");
            }

            script.Append("echo\n");
        }

        script.Append("travis_time_finish env\n\n");
    }

    private static IEnumerable<(string Name, string Value)> Variables(JobOrder order)
    {
        var (id, commit, config) = (order.Id, order.Trigger.Commit, order.Config);
        var number = order.BuildNumber.ToString(CultureInfo.InvariantCulture);
        var build = id.Build.ToString(CultureInfo.InvariantCulture);
        yield return ("TRAVIS_ALLOW_FAILURE", config.AllowFailure ? "true" : "false");
        yield return ("TRAVIS_EVENT_TYPE", order.Trigger.EventType);
        var pull = order.Trigger.PullRequest;
        yield return ("TRAVIS_PULL_REQUEST", pull?.Number.ToString(CultureInfo.InvariantCulture) ?? "false");
        yield return ("TRAVIS_PULL_REQUEST_BRANCH", pull?.HeadBranch ?? "");
        yield return ("TRAVIS_PULL_REQUEST_SHA", pull?.HeadSha ?? "");
        yield return ("TRAVIS_PULL_REQUEST_SLUG", pull?.HeadSlug ?? "");
        yield return (
            "TRAVIS_PULL_REQUEST_IS_DRAFT",
            pull is null ? ""
            : pull.IsDraft ? "true"
            : "false"
        );
        yield return ("TRAVIS_BUILD_ID", build);
        yield return ("TRAVIS_BUILD_NUMBER", number);
        yield return ("TRAVIS_BUILD_WEB_URL", Url(order, $"builds/{build}"));
        // A number, because Travis's is one: the build and five digits of the cell.
        yield return ("TRAVIS_JOB_ID", string.Create(CultureInfo.InvariantCulture, $"{id.Build}{id.Cell:D5}"));
        yield return ("TRAVIS_JOB_NAME", config.Name ?? "");
        yield return ("TRAVIS_JOB_NUMBER", string.Create(CultureInfo.InvariantCulture, $"{number}.{id.Cell}"));
        yield return ("TRAVIS_JOB_WEB_URL", Url(order, $"jobs/{id}"));
        yield return ("TRAVIS_JOB_RESTARTED", order.Trigger.Kind is TriggerKind.Rerun ? "true" : "");
        yield return ("TRAVIS_JOB_RESTARTED_BY", "");
        yield return ("TRAVIS_BUILD_STAGE_NAME", config.Stage ?? "");
        yield return ("TRAVIS_BRANCH", order.Trigger.Branch ?? commit.Tag ?? commit.Ref);
        yield return ("TRAVIS_TAG", commit.Tag ?? "");
        yield return ("TRAVIS_COMMIT", commit.Sha);
        yield return ("TRAVIS_COMMIT_MESSAGE", Cut(commit.Message));
        yield return ("TRAVIS_COMMIT_RANGE", pull is null ? Range(commit) : $"{pull.BaseSha}...{pull.HeadSha}");
        yield return ("TRAVIS_REPO_SLUG", order.Repository.Slug);
        yield return ("TRAVIS_REPO_PRIVATE", "false");
        yield return ("TRAVIS_LANGUAGE", config.Language);
        yield return ("TESTGRID_BUILD", build);
        yield return ("TESTGRID_JOB", id.ToString());
        yield return ("TESTGRID_BUNDLE", config.Bundle);
        yield return ("TESTGRID_HOST", order.Repository.Host);
        yield return ("TESTGRID_CELL", config.Cell.ToString());
    }

    private static string Url(JobOrder order, string path) =>
        order.PublicUrl.Length == 0 ? "" : $"{order.PublicUrl.TrimEnd('/')}/{path}";

    private static string Range(CommitRef commit) =>
        commit.Before is { } before && before.Trim('0').Length > 0 ? $"{before}...{commit.Sha}" : "";

    private static string Cut(string message)
    {
        if (Encoding.UTF8.GetByteCount(message) <= MessageBytes)
            return message;
        var bytes = Encoding.UTF8.GetBytes(message).AsSpan(0, MessageBytes);
        // Not inside a character.
        while ((bytes[^1] & 0xC0) == 0x80)
            bytes = bytes[..^1];
        return Encoding.UTF8.GetString(bytes[^1] >= 0xC0 ? bytes[..^1] : bytes);
    }
}
