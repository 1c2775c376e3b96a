using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TestGrid.Core.Conformance;
using TestGrid.Core.Orders;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Jobs;

/// <summary>Phase rules as Travis's script showed them under bash: exit codes, which commands ran, folds.</summary>
public sealed partial class PhaseSemanticsTests(ITestOutputHelper output)
{
    [Fact]
    public Task Phases_run_and_fail_as_on_Travis() => CompareAsync(order => ScriptRun.OfAsync(order), output);

    /// <summary>Runs every recorded job in a way of the caller's, and compares.</summary>
    internal static async Task CompareAsync(
        Func<JobOrder, Task<ScriptRun>> runAsync,
        ITestOutputHelper output,
        bool tty = false
    )
    {
        var lines = Corpora.Lines("travis/phase-semantics.jsonl.gz");
        var (same, wrong) = (0, new List<string>());
        foreach (var recorded in lines.Select(line => JsonNode.Parse(line)!))
        {
            var name = (string)recorded["name"]!;
            // The recording had no terminal.
            if (tty && name == "stdin_is_not_tty")
                continue;
            if (ScriptDifferences.Phases.ContainsKey(name))
                continue;
            // JSON is YAML.
            var run = await runAsync(ScriptRun.Order(ScriptRun.Config(recorded["config"]!.ToJsonString())));
            var markers = Marker.Matches(run.Visible).Select(match => match.Value).ToList();
            var theirs = recorded["markers"]!.AsArray().Select(marker => (string)marker!).ToList();
            var folds = recorded["folds"]!.AsArray().Select(fold => (string)fold!).ToList();
            if (
                run.ExitCode == (int)recorded["exit_code"]!
                && markers.SequenceEqual(theirs)
                && run.Folds.SequenceEqual(folds)
            )
            {
                same++;
                continue;
            }

            wrong.Add(name);
            output.WriteLine($"--- {name}: {run.ExitCode}, theirs {recorded["exit_code"]}");
            output.WriteLine($"ours {string.Join("|", markers)} folds {string.Join(",", run.Folds)}");
            output.WriteLine($"them {string.Join("|", theirs)} folds {string.Join(",", folds)}\n{run.Visible}");
        }

        output.WriteLine($"{same} of {lines.Count} recorded jobs run alike");
        Assert.Empty(wrong);
        Assert.True(same >= 35);
    }

    [GeneratedRegex(@"^P:.*$", RegexOptions.Multiline)]
    private static partial Regex Marker { get; }
}
