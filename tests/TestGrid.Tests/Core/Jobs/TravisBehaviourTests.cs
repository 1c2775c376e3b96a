using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Jobs;

/// <summary>
/// Jobs that Travis's own script ran under bash, run again by ours: the same exit code, state and log.
/// </summary>
public sealed partial class TravisBehaviourTests(ITestOutputHelper output)
{
    /// <summary>Where the log differs on purpose, or is not there yet, and why; how the job ends is the same.</summary>
    private static readonly Dictionary<string, string> Different = new()
    {
        ["builtin_pr"] = "pull requests are not built yet",
        ["builtin_push"] = "TestGrid's own values of TRAVIS_BUILD_ID and the like",
        ["heredoc"] = "Travis's extra space spoils the terminator, ours does not",
        ["unset_u"] = "Travis's own helper dies of set -u, here the command does",
        ["env_order"] = "repository settings come as secrets",
    };

    private static readonly ConfigSettings Settings = ScriptRun.Settings with
    {
        Offers =
        [
            .. ScriptRun.Settings.Offers,
            new BundleOffer("python310", "python", ["3.10"]),
            new BundleOffer("csharp", "csharp", []),
            new BundleOffer("node", "node_js", ["10"]),
        ],
    };

    [Fact]
    public async Task Jobs_end_and_read_as_on_Travis()
    {
        var cases = JsonNode.Parse(await File.ReadAllTextAsync(Corpora.Need("travis/behaviour.json"), Stop))!.AsArray();
        var (same, all, wrong) = (0, 0, new List<string>());
        foreach (var recorded in cases)
        {
            var (id, yaml) = ((string)recorded!["id"]!, (string)recorded["yaml"]!);
            if (yaml.Contains("deploy:", StringComparison.Ordinal))
                continue;
            all++;
            var run = await ScriptRun.OfAsync(Order(yaml, (string?)recorded["jobdata"]?["tag"]));
            var (ours, theirs) = (Comparable(run.Visible), Comparable((string)recorded["log"]!));
            if (
                (ours == theirs || Different.ContainsKey(id))
                && run.ExitCode == (int)recorded["exit"]!
                && run.Verdict.State.Word == (string)recorded["state"]!
            )
            {
                same++;
                continue;
            }

            wrong.Add(id);
            output.WriteLine($"--- {id}: {run.ExitCode}, theirs {recorded["exit"]}\n{ours}\n--- theirs\n{theirs}");
        }

        output.WriteLine(
            $"{same} of {all} jobs end as on Travis, and all but {Different.Count} read so; {cases.Count - all} deploy"
        );
        Assert.Empty(wrong);
        Assert.True(all >= 54);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    // The recordings leave out what a language does before the configuration's phases.
    private static JobOrder Order(string yaml, string? tag)
    {
        var config = ScriptRun.Config(yaml, settings: Settings);
        config = config with { Phases = [.. config.Phases.Where(phase => phase.Name is not ("setup" or "announce"))] };
        return ScriptRun.Order(config, tag is null ? null : new CommitRef(new string('a', 40), $"refs/tags/{tag}"));
    }

    // Lines of the harness, of parts with another name of the script's file, and the empty name of the phase that
    // failed.
    private static string Comparable(string log)
    {
        log = Hidden.Replace(log, "");
        log = log.Replace("[checkout]\n", "", StringComparison.Ordinal)
            .Replace("[cache]\n", "", StringComparison.Ordinal);
        log = During.Replace(log, "during .");
        return Where.Replace(log, ": ").Trim('\n');
    }

    [GeneratedRegex(@"travis_(fold|time):[^\r]*\r\e\[0K|\e\[[0-9;]*[mK]")]
    private static partial Regex Hidden { get; }

    [GeneratedRegex(@"during [a-z_]*\.")]
    private static partial Regex During { get; }

    [GeneratedRegex(@"/home/travis/\S+: (line \d+: )+")]
    private static partial Regex Where { get; }
}
