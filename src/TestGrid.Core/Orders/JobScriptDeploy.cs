using System.Globalization;
using System.Text;
using TestGrid.Core.Config;
using TestGrid.Core.Text;

namespace TestGrid.Core.Orders;

/// <summary>
/// The part of a job's script that deploys: at the end of <c>after_success</c>, with <c>before_deploy</c> and
/// <c>after_deploy</c> around each provider (travis-build, addons/deploy/script.rb).
/// </summary>
internal static class JobScriptDeploy
{
    private const string Script = "script";

    public static void Append(StringBuilder script, JobOrder order)
    {
        var config = order.Config;
        for (var i = 0; i < config.Deployments.Length; i++)
        {
            var one = config.Deployments[i];
            if (order.Trigger.PullRequest is not null)
                Skip(script, one, "the current build is a pull request.");
            else if (one.Provider != Script)
                Skip(script, one, "TestGrid tests: it runs the script provider only.");
            else if (string.IsNullOrWhiteSpace(one.Script))
                Skip(script, one, "it has no script.");
            else
                Append(script, one, i, config.Phases.Select(phase => phase.Name).ToHashSet());
        }
    }

    private static void Append(StringBuilder script, Deployment one, int number, HashSet<string> phases)
    {
        script.Append("  _tg_deploys=1\n");
        if (one.Repository is { } repository)
            Unless(
                script,
                one,
                $"_tg_is \"$TRAVIS_REPO_SLUG\" {Bash.Quote(repository)}",
                $"this repo's name does not match one specified in .travis.yml's deploy.on.repo: {repository}"
            );
        if (!one.Branches.IsEmpty)
            Unless(
                script,
                one,
                $"_tg_is \"$TRAVIS_BRANCH\" {string.Join(' ', one.Branches.Select(Bash.Quote))}",
                "this branch is not permitted: ",
                "$TRAVIS_BRANCH"
            );
        foreach (var version in one.Versions.GroupBy(version => version.Name, version => version.Value))
            Unless(
                script,
                one,
                $"_tg_is \"${{{version.Key}:-}}\" {string.Join(' ', version.Select(Bash.Quote))}",
                "this is not on the required runtime"
            );
        // A condition that bash cannot read holds as little as one that is false, and spoils nothing else.
        foreach (var condition in one.Conditions)
            Unless(script, one, $"eval {Bash.Quote($"[[ {condition} ]]")}", "a custom condition was not met");
        if (one.Tags is { } tags)
            Unless(
                script,
                one,
                $"[[ {(tags ? "-n" : "-z")} $TRAVIS_TAG ]]",
                tags ? "this is not a tagged commit" : "this is a tagged commit"
            );

        script.Append("  if [[ $_tg_deploys == 1 ]]; then\n");
        if (phases.Contains("before_deploy"))
            script.Append("    travis_run_before_deploy\n");
        script.Append(
            CultureInfo.InvariantCulture,
            $"    _tg_deploy {number} {Bash.Quote(one.Script!)} {(one.AllowFailure ? "allow" : "assert")}\n"
        );
        if (phases.Contains("after_deploy"))
            script.Append("    travis_run_after_deploy\n");
        script.Append("  fi\n");
    }

    private static void Unless(StringBuilder script, Deployment one, string test, string why, string more = "")
    {
        script.Append("  if ! ").Append(test).Append("; then\n    _tg_deploys=0\n  ");
        Skip(script, one, why, more);
        script.Append("  fi\n");
    }

    private static void Skip(StringBuilder script, Deployment one, string why, string more = "")
    {
        var words = Bash.Quote($"Skipping a deployment with the {one.Provider} provider because {why}");
        script.Append("  printf '\\033[33;1m%s\\033[0m\\n' ").Append(words);
        if (more.Length > 0)
            script.Append('"').Append(more).Append('"');
        script.Append('\n');
    }
}
