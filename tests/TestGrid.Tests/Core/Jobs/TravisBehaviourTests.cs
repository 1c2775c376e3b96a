using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Conformance;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Jobs;

/// <summary>
/// Jobs that Travis's own script ran under bash, run again by ours: the same exit code, state and log.
/// </summary>
public sealed partial class TravisBehaviourTests(ITestOutputHelper output)
{
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
    public Task Jobs_end_and_read_as_on_Travis() => CompareAsync(order => ScriptRun.OfAsync(order), output);

    /// <summary>Runs every recorded job in a way of the caller's, and compares.</summary>
    internal static async Task CompareAsync(Func<JobOrder, Task<ScriptRun>> runAsync, ITestOutputHelper output)
    {
        var cases = JsonNode.Parse(await File.ReadAllTextAsync(Corpora.Need("travis/behaviour.json"), Stop))!.AsArray();
        var (same, all, wrong) = (0, 0, new List<string>());
        foreach (var recorded in cases)
        {
            var (id, yaml) = ((string)recorded!["id"]!, (string)recorded["yaml"]!);
            all++;
            var run = await runAsync(Order(yaml, recorded["jobdata"]));
            var (ours, theirs) = (Comparable(run.Visible), Comparable((string)recorded["log"]!));
            if (
                (ours == theirs || ScriptDifferences.Jobs.ContainsKey(id))
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

        output.WriteLine($"{same} of {all} jobs end as on Travis, and all but {ScriptDifferences.Jobs.Count} read so");
        Assert.Empty(wrong);
        Assert.True(all >= 63);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    // The recordings leave out what a language does before the configuration's phases.
    private static JobOrder Order(string yaml, JsonNode? data)
    {
        var config = ScriptRun.Config(yaml, settings: Settings);
        config = config with { Phases = [.. config.Phases.Where(phase => phase.Name is not ("setup" or "announce"))] };
        var tag = (string?)data?["tag"];
        var order = ScriptRun.Order(
            config,
            tag is null ? null : new CommitRef(new string('a', 40), $"refs/tags/{tag}")
        );
        return data?["pull_request"] is null
            ? order
            : order with
            {
                Trigger = order.Trigger with
                {
                    PullRequest = new PullRequest(
                        int.Parse((string)data["pull_request"]!, System.Globalization.CultureInfo.InvariantCulture),
                        "master",
                        "b",
                        (string?)data["pull_request_head_sha"] ?? "",
                        (string?)data["pull_request_head_branch"] ?? "",
                        (string?)data["pull_request_head_slug"] ?? "",
                        IsFork: true
                    ),
                },
            };
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

    [GeneratedRegex(@"/(home/travis|opt/testgrid)/\S+: (line \d+: )+")]
    private static partial Regex Where { get; }
}
