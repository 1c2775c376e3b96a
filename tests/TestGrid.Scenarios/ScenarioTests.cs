using System.Text.Json;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>
/// A scenario is a folder: <c>repo/</c> is pushed through the real webhook to the real program, and <c>expected.json</c> says
/// how its build must end. Adding one needs no C#.
/// </summary>
public sealed class ScenarioTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "scenarios");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string> Names =>
        [.. Directory.GetDirectories(Folder).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_scenario_ends_as_its_folder_says(string name)
    {
        using var folder = new TempFolder();
        var slug = $"scenarios/{name}";
        var source = Path.Combine(Folder, name, "repo");
        using var repository = new GitRepository(Path.Combine(folder.Path, "repo"));
        foreach (var file in Directory.GetFiles(source))
            File.Copy(file, Path.Combine(repository.Folder, Path.GetFileName(file)));
        repository.Commit(name);
        var expected = JsonSerializer.Deserialize<JsonElement>(
            await File.ReadAllTextAsync(Path.Combine(Folder, name, "expected.json"), Stop)
        );

        var secret = await shared.Server.RegisterAsync(repository.Folder, slug, Stop);
        var id = await shared.Server.PushAsync(repository, slug, secret, Stop);
        var build = await shared.Server.FinishedAsync(id, Stop);

        Assert.True(
            expected.Text("state") == build.GetProperty("build").Text("state"),
            $"{name} is {build.GetRawText()}\n{shared.Server.Said}"
        );
        if (expected.Text("reason") is { } reason)
            Assert.Equal(reason, build.GetProperty("build").Text("reason"));
        var jobs = build.GetProperty("jobs").EnumerateArray().ToDictionary(job => job.GetProperty("cell").GetInt32());
        Assert.Equal(expected.GetProperty("jobs").GetArrayLength(), jobs.Count);
        foreach (var wanted in expected.GetProperty("jobs").EnumerateArray())
            await CheckAsync(wanted, jobs[wanted.GetProperty("cell").GetInt32()]);
    }

    private async Task CheckAsync(JsonElement wanted, JsonElement job)
    {
        var id = job.Text("id")!;
        var log = job.GetProperty("attempt").GetInt32() > 0 ? await shared.Server.LogAsync(id, Stop) : "";
        Assert.True(
            wanted.Text("state") == job.Text("state"),
            $"{id} is {job.Text("state")}: {job.Text("sentence")}\n{log}\n{shared.Server.Said}"
        );
        if (wanted.Text("reason") is { } reason)
            Assert.Equal(reason, job.Text("reason"));
        if (wanted.Text("sentence") is { } sentence)
            Assert.Contains(sentence, job.Text("sentence"), StringComparison.Ordinal);
        foreach (var words in wanted.Texts("log"))
            Assert.Contains(words, log, StringComparison.Ordinal);
        foreach (var words in wanted.Texts("notInLog"))
            Assert.DoesNotContain(words, log, StringComparison.Ordinal);
    }
}
