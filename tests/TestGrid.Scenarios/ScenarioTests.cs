using System.Text.Json;
using System.Text.RegularExpressions;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>
/// A scenario is a folder: <c>repo/</c> is pushed through the real webhook to the real program, and <c>expected.json</c> says
/// how its build must end. Adding one needs no C#. Each runs with both queues and both sandbox engines, and nothing that a
/// person reads may tell which it was.
/// </summary>
public sealed partial class ScenarioTests(FourWays ways) : IClassFixture<FourWays>
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "scenarios");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string> Names =>
        [.. Directory.GetDirectories(Folder).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_scenario_ends_as_its_folder_says_whatever_carries_and_holds_its_jobs(string name)
    {
        using var folder = new TempFolder();
        using var repository = new GitRepository(Path.Combine(folder.Path, "repo"));
        var source = Path.Combine(Folder, name, "repo");
        foreach (var file in Directory.GetFiles(source))
            File.Copy(file, Path.Combine(repository.Folder, Path.GetFileName(file)));
        repository.Commit(name);
        var expected = JsonSerializer.Deserialize<JsonElement>(
            await File.ReadAllTextAsync(Path.Combine(Folder, name, "expected.json"), Stop)
        );

        var seen = await Task.WhenAll(ways.All.Select(way => RunAsync(way, repository, name)));

        foreach (var (way, run) in ways.All.Zip(seen))
            Check(expected, run, $"{name} with {way.Name}\n{way.Server.Said}");
        foreach (var (way, run) in ways.All.Zip(seen).Skip(1))
            Assert.True(
                seen[0].AsRead == run.AsRead,
                $"{name} reads otherwise with {way.Name}:\n{run.AsRead}\nwith {ways.All[0].Name}:\n{seen[0].AsRead}"
            );
    }

    private static async Task<Run> RunAsync(FourWays.Way way, GitRepository repository, string name)
    {
        var slug = $"scenarios/{name}";
        var secret = await way.Server.RegisterAsync(repository.Folder, slug, Stop);
        var id = await way.Server.PushAsync(repository, slug, secret, Stop);
        var snapshot = await way.Server.FinishedAsync(id, Stop);
        var jobs = new List<Job>();
        foreach (var job in snapshot.GetProperty("jobs").EnumerateArray())
        {
            var log = job.GetProperty("attempt").GetInt32() > 0 ? await way.Server.LogAsync(job.Text("id")!, Stop) : "";
            jobs.Add(new Job(job, log, Compared(log, way.Engine)));
        }
        return new Run(snapshot.GetProperty("build"), jobs);
    }

    /// <summary>
    /// A log as it is compared: without what was measured, without what services said in their own words, without the random names that tie the two ends of a time mark
    /// together, and without the engine's own name, which stands in the heading for people to know. Nothing else is taken
    /// away: commits, ids, words, colours and line ends are the same in each of the four.
    /// </summary>
    private static string Compared(string log, string engine)
    {
        var heading = $" on embedded ({engine})\r\n";
        if (log.Length > 0)
            Assert.Contains(heading, log, StringComparison.Ordinal);
        log = Ready().Replace(Told().Replace(log, "$1\n$2"), "ready");
        return Used().Replace(Mark().Replace(log.Replace(heading, "\r\n"), "travis_time:$1:"), "N");
    }

    private static void Check(JsonElement expected, Run run, string where)
    {
        Assert.True(expected.Text("state") == run.Build.Text("state"), $"{run.Build.GetRawText()}\n{where}");
        if (expected.Text("reason") is { } reason)
            Assert.Equal(reason, run.Build.Text("reason"));
        Assert.Equal(expected.GetProperty("jobs").GetArrayLength(), run.Jobs.Count);
        foreach (var wanted in expected.GetProperty("jobs").EnumerateArray())
            Check(wanted, run.Jobs.Single(job => job.Cell == wanted.GetProperty("cell").GetInt32()), where);
    }

    private static void Check(JsonElement wanted, Job job, string where)
    {
        var all = $"{job.AsRead}\n{where}";
        Assert.True(wanted.Text("state") == job.Record.Text("state"), all);
        if (wanted.Text("reason") is { } reason)
            Assert.True(reason == job.Record.Text("reason"), all);
        if (wanted.Text("sentence") is { } sentence)
            Assert.Contains(sentence, job.Record.Text("sentence"), StringComparison.Ordinal);
        foreach (var words in wanted.Texts("log"))
            Assert.Contains(words, job.Log, StringComparison.Ordinal);
        foreach (var words in wanted.Texts("notInLog"))
            Assert.DoesNotContain(words, job.Log, StringComparison.Ordinal);
    }

    // travis_time:start:03272738 and travis_time:end:03272738:start=1795525002080288000,finish=…,duration=…
    [GeneratedRegex("travis_time:(start|end):[0-9a-f]{8}(:start=[0-9]+,finish=[0-9]+,duration=[0-9]+)?")]
    private static partial Regex Mark();

    // A service's own words have clocks and process numbers.
    [GeneratedRegex(@"(travis_fold:start:service\.\S+).*?(travis_fold:end:service\.\S+)", RegexOptions.Singleline)]
    private static partial Regex Told();

    [GeneratedRegex(@"ready after [0-9]+\.[0-9] s")]
    private static partial Regex Ready();

    // «It used 12 MiB of memory at most, 0.3 s of processor time, 0 MiB on disk.»
    [GeneratedRegex(@"(?<=^\e\[90mIt used .*)\b[0-9]+(\.[0-9])?(?= (MiB|s) )", RegexOptions.Multiline)]
    private static partial Regex Used();

    private sealed record Job(JsonElement Record, string Log, string Compared)
    {
        public int Cell => Record.GetProperty("cell").GetInt32();

        public string AsRead =>
            $"{Record.Text("id")} {Record.Text("state")} {Record.Text("reason")} {Record.Text("sentence")}\n{Compared}";
    }

    private sealed record Run(JsonElement Build, List<Job> Jobs)
    {
        public string AsRead =>
            string.Join('\n', [$"{Build.Text("state")} {Build.Text("reason")}", .. Jobs.Select(job => job.AsRead)]);
    }
}
