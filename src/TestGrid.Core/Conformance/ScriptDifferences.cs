namespace TestGrid.Core.Conformance;

/// <summary>
/// Recorded jobs of Travis's own script whose log is another here on purpose, and why; how they end is the same. The
/// tests that run the recordings leave out these and no other, and the page of the manual lists them.
/// </summary>
public static class ScriptDifferences
{
    private const string Dpl = "Travis installs its deployment tool first, here the script is told instead";

    /// <summary>Of the 63 whole jobs, by their name.</summary>
    public static IReadOnlyDictionary<string, string> Jobs { get; } =
        new Dictionary<string, string>
        {
            ["builtin_pr"] = "the recording calls a pull request a push, and has settings that are not secret",
            ["builtin_push"] = "TestGrid's own values of TRAVIS_BUILD_ID and the like",
            ["heredoc"] = "Travis's extra space spoils the terminator, ours does not",
            ["unset_u"] = "Travis's own helper dies of set -u, here the command does",
            ["deploy_ok"] = Dpl,
            ["deploy_two"] = Dpl,
            ["deploy_fail"] = Dpl,
            ["env_order"] = "repository settings come as secrets",
        };

    /// <summary>Of the 41 phase rules, by their name.</summary>
    public static IReadOnlyDictionary<string, string> Phases { get; } =
        new Dictionary<string, string>
        {
            ["script_empty_list"] =
                "an empty list is no script, which for generic passes; Travis's reader drops it too",
            ["build_dir_is_cwd"] = "the recording had no checkout; here the working folder is the build folder",
            ["heredoc"] = "Travis's extra space spoils the terminator",
        };
}
