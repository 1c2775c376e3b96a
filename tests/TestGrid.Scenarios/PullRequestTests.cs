using System.Net.Http.Json;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>Pull requests through webhook, mirror, sandbox and log.</summary>
public sealed class PullRequestTests(SharedServer shared) : IClassFixture<SharedServer>, IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private TestGridProcess Server => shared.Server;

    [Fact]
    public async Task One_is_tested_at_its_merge_and_a_forks_has_no_secret_whatever_it_says()
    {
        const string Slug = "scenarios/pulls";
        using var repository = new GitRepository(Path.Combine(folder.Path, "repo"))
            .Write(".testgrid.yml", "script: ./say\n")
            .Commit();
        var secret = await Server.RegisterAsync(repository.Folder, Slug, Stop);
        var repositories = await Server.GetAsync("/api/v1/repositories", Stop);
        var id = repositories.EnumerateArray().Single(one => one.Text("slug") == Slug).GetProperty("id").GetInt64();
        using var set = await Server.Http.PutAsJsonAsync(
            $"/api/v1/repositories/{id}/secrets/TOKEN",
            new { value = "correct-horse" },
            Stop
        );
        Assert.True(set.IsSuccessStatusCode);
        const string Script =
            "script: echo \"$TRAVIS_EVENT_TYPE $TRAVIS_PULL_REQUEST $TRAVIS_BRANCH $TRAVIS_PULL_REQUEST_SLUG"
            + " ${TOKEN:+has a token} $TRAVIS_SECURE_ENV_VARS\"\n";

        var (own, _) = await Server.HookAsync(
            "pull_request",
            repository.Pull(Slug, 1, Slug, ".testgrid.yml", Script),
            secret,
            Stop
        );
        var stranger = repository.Pull(Slug, 2, "eve/pulls", ".testgrid.yml", Script);
        var (none, why) = await Server.HookAsync("pull_request", stranger, secret, Stop);
        using var allowed = await Server.Http.PatchAsJsonAsync(
            $"/api/v1/repositories/{id}",
            new { pullRequests = "all" },
            Stop
        );
        var (fork, _) = await Server.HookAsync("pull_request", stranger, secret, Stop);

        Assert.Contains("pull_request 1 master scenarios/pulls has a token true", await LogAsync(own), Ordinal);
        Assert.Null(none);
        Assert.Contains("--pull-requests all", why, Ordinal);
        var log = await LogAsync(fork);
        Assert.Contains("pull_request 2 master eve/pulls  false", log, Ordinal);
        Assert.Contains("it gets no secrets", log, Ordinal);
        Assert.DoesNotContain("Setting environment variables from repository settings", log, Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private const StringComparison Ordinal = StringComparison.Ordinal;

    private async Task<string> LogAsync(long? build)
    {
        var snapshot = await Server.FinishedAsync(build!.Value, Stop);
        Assert.Equal("passed", snapshot.GetProperty("build").Text("state"));
        return await Server.LogAsync($"{build}.1", Stop);
    }
}
