using System.Text.Json;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>
/// Projects that nobody here wrote, with their own unmodified <c>.travis.yml</c>: the upstream sources of Debian packages.
/// <c>projects/NAME.json</c> says how each job must end, and why where it cannot pass here; a job that says no state asks
/// hosts that some machines reach and others don't, and need only end.
/// </summary>
public sealed class RealProjectTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "projects");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("http-parser")]
    [InlineData("libyaml")]
    [InlineData("python-midiutil")]
    [InlineData("pypureomapi")]
    public Task A_real_project_ends_as_it_should(string project) => RunAsync(project);

    [Theory]
    [Trait("Slow", "true")]
    [InlineData("hiredis")]
    [InlineData("uthash")]
    [InlineData("cmark")]
    [InlineData("jq")]
    public Task A_large_real_project_ends_as_it_should(string project) => RunAsync(project);

    private async Task RunAsync(string project)
    {
        var expected = JsonSerializer.Deserialize<JsonElement>(
            await File.ReadAllTextAsync(Path.Combine(Folder, project + ".json"), Stop)
        );
        using var folder = new TempFolder();
        var tree = Path.Combine(folder.Path, "tree");
        await SourcePackage.UnpackAsync(project, tree, Stop);
        using var repository = new GitRepository(tree).Commit($"{project}, as released");
        var slug = $"real/{project}";

        var secret = await shared.Server.RegisterAsync(tree, slug, Stop);
        var build = await shared.Server.PushAsync(repository, slug, secret, Stop);
        var ended = await shared.Server.FinishedAsync(build, Stop);

        var jobs = ended.GetProperty("jobs").EnumerateArray().ToArray();
        var wanted = expected.GetProperty("jobs").EnumerateArray().ToArray();
        Assert.Equal(wanted.Length, jobs.Length);
        foreach (var (want, job) in wanted.Zip(jobs))
        {
            var id = job.Text("id")!;
            var log = job.GetProperty("attempt").GetInt32() > 0 ? await shared.Server.LogAsync(id, Stop) : "";
            var cell = string.Join(
                ", ",
                job.GetProperty("values").EnumerateArray().Select(value => value.Text("value"))
            );
            Assert.True(
                want.Text("state") is not { } state || state == job.Text("state"),
                $"{project} {id} ({cell}) is {job.Text("state")}: {job.Text("sentence")}\n{Tail(log)}"
            );
            Assert.Equal(want.Text("cell"), cell);
            if (want.Text("reason") is { } reason)
                Assert.Equal(reason, job.Text("reason"));
            if (want.Text("sentence") is { } sentence)
                Assert.Contains(sentence, job.Text("sentence"), StringComparison.Ordinal);
            foreach (var words in want.Texts("log"))
                Assert.Contains(words, log, StringComparison.Ordinal);
        }
    }

    private static string Tail(string log) => log.Length <= 4000 ? log : log[^4000..];
}
