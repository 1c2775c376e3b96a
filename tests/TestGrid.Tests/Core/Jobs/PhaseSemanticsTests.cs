using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Jobs;

/// <summary>Phase rules as Travis's script showed them under bash: exit codes, which commands ran, folds.</summary>
public sealed partial class PhaseSemanticsTests(ITestOutputHelper output)
{
    private static readonly Dictionary<string, string> Different = new()
    {
        ["script_empty_list"] = "an empty list is no script, which for generic passes; Travis's reader drops it too",
        ["build_dir_is_cwd"] = "the recording had no checkout; here the working folder is the build folder",
        ["heredoc"] = "Travis's extra space spoils the terminator",
    };

    [Fact]
    public async Task Phases_run_and_fail_as_on_Travis()
    {
        var lines = Corpora.Lines("travis/phase-semantics.jsonl.gz");
        var (same, wrong) = (0, new List<string>());
        foreach (var recorded in lines.Select(line => JsonNode.Parse(line)!))
        {
            var name = (string)recorded["name"]!;
            if (Different.ContainsKey(name) || recorded["config"]!["deploy"] is not null)
                continue;
            // JSON is YAML.
            var run = await ScriptRun.OfAsync(recorded["config"]!.ToJsonString());
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
