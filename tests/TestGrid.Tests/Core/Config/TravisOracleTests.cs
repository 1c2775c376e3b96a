using System.Text.Json.Nodes;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Config;

/// <summary>
/// The reader beside Travis's own library, on what it said about real files. The floors only ever go up.
/// </summary>
public sealed class TravisOracleTests(ITestOutputHelper output)
{
    [Fact]
    public void The_named_vectors_give_the_same_jobs()
    {
        var cases = JsonNode
            .Parse(File.ReadAllText(Corpora.Need("travis/vectors.json")))!
            .AsArray()
            .Select(vector => new Case((string)vector!["name"]!, (string)vector["yaml"]!, vector["jobs"]!.AsArray()));
        Compare(cases, floor: 83);
    }

    [Fact]
    public void Real_files_give_the_same_jobs() => Compare(Oracle("travis/oracle.jsonl.xz"), floor: 4270);

    [Fact]
    public void The_librarys_own_specs_give_the_same_jobs() =>
        Compare(Oracle("travis/travis-yml-spec.jsonl.gz"), floor: 700);

    private static IEnumerable<Case> Oracle(string name) =>
        Corpora
            .Lines(name)
            .Select(line => JsonNode.Parse(line)!)
            .Where(line => line["expected"]?["jobs"] is JsonArray && line["input_yaml"] is not null)
            .Select(line => new Case(
                (string)line["name"]!,
                (string)line["input_yaml"]!,
                line["expected"]!["jobs"]!.AsArray()
            ));

    private void Compare(IEnumerable<Case> cases, int floor)
    {
        var (all, same, counts) = (0, 0, 0);
        foreach (var (name, yaml, jobs) in cases)
        {
            all++;
            var ours = TravisJobs.Ours(yaml);
            var theirs = TravisJobs.Theirs(jobs);
            if (ours.Count == theirs.Count)
                counts++;
            if (ours.SequenceEqual(theirs))
            {
                same++;
                continue;
            }

            var at = ours.Zip(theirs).TakeWhile(pair => pair.First == pair.Second).Count();
            output.WriteLine($"--- {name}: {ours.Count} jobs, theirs {theirs.Count}; first difference at {at + 1}");
            output.WriteLine($"ours   {ours.ElementAtOrDefault(at)}");
            output.WriteLine($"theirs {theirs.ElementAtOrDefault(at)}");
        }

        output.WriteLine($"{same} of {all} give the same jobs in the same order, {counts} the same number");
        Assert.True(same >= floor, $"{same} of {all} give the same jobs; at least {floor} did before");
    }

    private sealed record Case(string Name, string Yaml, JsonArray Jobs);
}
