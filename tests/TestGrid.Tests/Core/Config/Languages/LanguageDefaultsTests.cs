using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Config.Languages;

/// <summary>What a language does by itself, against the commands that Travis's compiler gave for it.</summary>
public sealed partial class LanguageDefaultsTests(ITestOutputHelper output)
{
    /// <summary>Where ours differs on purpose, and why.</summary>
    private static readonly Dictionary<string, string> Different = new()
    {
        ["go"] = "Travis's commands stand in two functions of its own; ours are written out",
        ["r"] = "packages come from this machine's repositories, and remotes is installed only when it is missing",
        ["objective-c"] = "it needs a Mac, and every runner is Linux",
        ["dart"] = "the runner for tests of before 2016 is gone",
        ["elm"] = "its install step is node_js's, which is compared there",
        ["haxe"] = "it installs dependencies by a file that the case does not name",
        ["julia"] = "its commands are built by Julia source of Travis's own",
    };

    [Fact]
    public void Install_and_script_are_the_commands_that_Travis_runs()
    {
        var defaults = JsonNode.Parse(File.ReadAllText(Corpora.Need("travis/language_defaults.json")))!.AsObject();
        var (same, wrong) = (0, new List<string>());
        foreach (var (language, phases) in defaults)
        {
            if (Different.ContainsKey(language))
                continue;
            var job = Job($"language: {language}\n");
            foreach (var phase in (string[])["install", "script"])
            {
                var theirs = Commands(phases![phase]).Order().Distinct().ToList();
                var ours = Own(job, phase).Order().Distinct().ToList();
                if (ours.SequenceEqual(theirs))
                {
                    same++;
                    continue;
                }

                wrong.Add($"{language} {phase}");
                output.WriteLine($"--- {language} {phase}\nours {string.Join(" | ", ours)}");
                output.WriteLine($"them {string.Join(" | ", theirs)}");
            }
        }

        output.WriteLine($"{same} phases of {defaults.Count - Different.Count} languages are Travis's");
        Assert.Empty(wrong);
        Assert.True(same >= 46);
    }

    [Fact]
    public void Every_language_of_the_list_has_a_rule_and_needs_a_bundle_or_runs()
    {
        var none = new ConfigSettings([new BundleOffer("base", "generic", [])]);
        foreach (var language in TestGrid.Core.Config.Schema.ValueTable.Language.Known)
        {
            var job = Reading.Config($"language: {language}\nscript: make\n", ".travis.yml", none).Jobs[0];

            Assert.Equal(language is "generic" or "shell", job.Impossible is null);
            if (job.Impossible is { Reason: JobReason.NoBundle } impossible)
                Assert.Contains("needs a bundle", impossible.Sentence, StringComparison.Ordinal);
        }
    }

    internal static JobConfig Job(string yaml)
    {
        var offers = TestGrid
            .Core.Config.Schema.ValueTable.Language.Known.Except(["generic", "shell"])
            .Select(language => new BundleOffer(language, language, []));
        var settings = new ConfigSettings([new BundleOffer("base", "generic", []), .. offers]);
        return Reading.Config(yaml, ".travis.yml", settings).Jobs[0];
    }

    private static IEnumerable<string> Own(JobConfig job, string phase) =>
        job
            .Phases.Where(one => one.Name == phase && one.IsDefault)
            .SelectMany(one => one.Commands)
            .SelectMany(text => Command.Matches(text))
            .Select(match =>
                Line(
                    match.Groups[1].Value.Replace("'\\''", "'", StringComparison.Ordinal),
                    match.Groups[2].Value.Contains("--assert", StringComparison.Ordinal),
                    match.Groups[2].Value.Contains("--retry", StringComparison.Ordinal)
                )
            );

    private static IEnumerable<string> Commands(JsonNode? node) =>
        node switch
        {
            JsonArray array => array.SelectMany(Commands),
            JsonObject map when map["cmd"] is { } command =>
            [
                Line((string)command!, (bool?)map["assert"] ?? false, (bool?)map["retry"] ?? false),
            ],
            JsonObject map => map.Select(pair => pair.Value).OfType<JsonArray>().SelectMany(Commands),
            _ => [],
        };

    private static string Line(string command, bool isAsserted, bool isRetried) =>
        $"{command.TrimEnd()}{(isAsserted ? " !" : "")}{(isRetried ? " x3" : "")}";

    [GeneratedRegex(@"travis_cmd '?((?:[^'\n]|'\\'')+?)'?((?: --[a-z]+)+)$", RegexOptions.Multiline)]
    private static partial Regex Command { get; }
}
