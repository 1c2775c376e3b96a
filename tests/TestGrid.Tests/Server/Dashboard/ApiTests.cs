using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Git;
using TestGrid.Runner.Reporting;
using TestGrid.Server.Dashboard;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Dashboard;

public sealed class ApiTests : IAsyncLifetime
{
    private TestServer server = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => server = await TestServer.StartAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task A_repository_is_registered_once_and_its_secret_shown_once()
    {
        var added = await server.AddRepositoryAsync("https://github.com/us/them.git");

        Assert.Equal(("github.com", "us/them"), (added.Repository.Host, added.Repository.Slug));
        Assert.Equal($"{server.Url}hooks/r/{added.Repository.Id}", added.Repository.WebhookUrl);
        Assert.Equal(64, added.Secret.Length);
        using var again = await server.Admin.PostAsJsonAsync(
            "/api/v1/repositories",
            new { url = "https://github.com/US/Them" },
            Stop
        );
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
        var listed = await server.Admin.GetStringAsync("/api/v1/repositories", Stop);
        Assert.DoesNotContain(added.Secret, listed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://github.com/us/them")]
    [InlineData("git://github.com/us/them")]
    [InlineData("file:///srv/git/them")]
    [InlineData("ext::sh -c id")]
    [InlineData("https://me:password@github.com/us/them")]
    [InlineData("ssh://-oProxyCommand=id/us/them")]
    [InlineData("../them")]
    [InlineData("")]
    public async Task An_address_that_is_not_https_ssh_or_a_path_is_refused(string url)
    {
        using var answer = await server.Admin.PostAsJsonAsync("/api/v1/repositories", new { url }, Stop);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task Secrets_go_in_and_only_their_names_come_out()
    {
        await server.AddRepositoryAsync();
        using var set = await server.Admin.PutAsJsonAsync(
            "/api/v1/repositories/1/secrets/KEY",
            new { value = "s3cr" },
            Stop
        );
        using var odd = await server.Admin.PutAsJsonAsync(
            "/api/v1/repositories/1/secrets/a-b",
            new { value = "s3cr" },
            Stop
        );
        using var empty = await server.Admin.PutAsJsonAsync(
            "/api/v1/repositories/1/secrets/B",
            new { value = "" },
            Stop
        );
        Assert.Equal(HttpStatusCode.NoContent, set.StatusCode);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, odd.StatusCode);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, empty.StatusCode);
        using var brief = await server.Admin.PutAsJsonAsync(
            "/api/v1/repositories/1/secrets/C",
            new { value = "s3c" },
            Stop
        );
        Assert.Equal(HttpStatusCode.UnprocessableEntity, brief.StatusCode);
        Assert.Contains("cannot be masked", await brief.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);

        Assert.Equal("""["KEY"]""", await server.Admin.GetStringAsync("/api/v1/repositories/1/secrets", Stop));

        using var removed = await server.Admin.DeleteAsync("/api/v1/repositories/1/secrets/KEY", Stop);
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        Assert.Equal("[]", await server.Admin.GetStringAsync("/api/v1/repositories/1/secrets", Stop));
    }

    [Fact]
    public async Task A_credential_goes_to_the_planner_and_nowhere_else()
    {
        await server.AddRepositoryAsync();
        using var half = await server.Admin.PutAsJsonAsync(
            "/api/v1/repositories/1/credential",
            new { privateKey = "KEY" },
            Stop
        );
        Assert.Equal(HttpStatusCode.UnprocessableEntity, half.StatusCode); // ssh without known hosts trusts anybody
        using var set = await server.Admin.PutAsJsonAsync(
            "/api/v1/repositories/1/credential",
            new { user = "me", password = "pw" },
            Stop
        );
        Assert.Equal(HttpStatusCode.NoContent, set.StatusCode);

        await server.StartBuildAsync();

        Assert.Equal(new GitCredential.Password("me", "pw"), server.Commits.Credential);
    }

    [Fact]
    public async Task Builds_come_in_pages_newest_first()
    {
        await server.AddRepositoryAsync();
        for (var i = 0; i < 5; i++)
            await server.StartBuildAsync();

        var first = await GetAsync<BuildList>("/api/v1/builds?limit=2");
        var second = await GetAsync<BuildList>($"/api/v1/builds?limit=2&before={first.Before}");
        var last = await GetAsync<BuildList>($"/api/v1/builds?limit=2&before={second.Before}&repository=us/them");

        Assert.Equal(
            [5, 4, 3, 2, 1],
            new[] { first, second, last }.SelectMany(page => page.Builds).Select(build => build.Id)
        );
        Assert.Null(last.Before);
    }

    [Fact]
    public async Task A_rerun_is_a_build_of_its_own_and_of_one_job_if_so_asked()
    {
        await server.AddRepositoryAsync();
        var build = await server.StartBuildAsync();
        await FinishAllAsync(build);

        using var all = await server.Admin.PostAsync($"/api/v1/builds/{build}/rerun", null, Stop);
        using var one = await server.Admin.PostAsync($"/api/v1/jobs/{build}.2/rerun", null, Stop);
        using var none = await server.Admin.PostAsync($"/api/v1/jobs/{build}.9/rerun", null, Stop);

        var whole = await server.UntilAsync(
            (await TestServer.ReadAsync<BuildStarted>(all))!.Id,
            detail => detail.Jobs.Length > 0
        );
        var part = await server.UntilAsync(
            (await TestServer.ReadAsync<BuildStarted>(one))!.Id,
            detail => detail.Jobs.Length > 0
        );
        Assert.Equal((TriggerKind.Rerun, Some.Sha, 2), (whole.Build.Trigger, whole.Build.Sha, whole.Jobs.Length));
        Assert.Equal([2], part.Jobs.Select(job => job.Cell));
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
        Assert.Equal(BuildState.Passed, server.Get<BuildViews>().Build(build)!.Build.State); // nothing leaves a final state
    }

    [Fact]
    public async Task Cancelling_says_what_became_of_it()
    {
        await server.AddRepositoryAsync();
        var build = await server.StartBuildAsync();
        await server.ClaimAsync(new JobId(build, 1));

        using var running = await server.Admin.PostAsync($"/api/v1/jobs/{build}.1/cancel", null, Stop);
        using var waiting = await server.Admin.PostAsync($"/api/v1/jobs/{build}.2/cancel", null, Stop);
        using var over = await server.Admin.PostAsync($"/api/v1/jobs/{build}.2/cancel", null, Stop);
        using var none = await server.Admin.PostAsync("/api/v1/builds/99/cancel", null, Stop);

        Assert.Equal(
            (HttpStatusCode.Accepted, "asked"),
            (running.StatusCode, (await TestServer.ReadAsync<CancelReceipt>(running))!.Outcome)
        );
        Assert.Equal(
            (HttpStatusCode.Accepted, "cancelled"),
            (waiting.StatusCode, (await TestServer.ReadAsync<CancelReceipt>(waiting))!.Outcome)
        );
        Assert.Equal(HttpStatusCode.Conflict, over.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
        Assert.Equal(
            "cancelled by token admin (this machine)",
            server.Get<BuildViews>().Job(new JobId(build, 2))!.Job.Sentence
        );
    }

    [Fact]
    public async Task Removing_a_repository_cancels_what_it_runs_and_keeps_what_it_did()
    {
        await server.AddRepositoryAsync();
        var build = await server.StartBuildAsync();

        using var removed = await server.Admin.DeleteAsync("/api/v1/repositories/1", Stop);

        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        Assert.Equal(BuildState.Cancelled, (await GetAsync<BuildDetail>($"/api/v1/builds/{build}")).Build.State);
        Assert.Equal("[]", await server.Admin.GetStringAsync("/api/v1/repositories", Stop));
        Assert.Null(server.Get<RepositoryStore>().HookSecret(1));
        await server.AddRepositoryAsync(); // its name is free again
    }

    [Fact]
    public async Task The_json_has_words_for_states_and_times_in_utc()
    {
        await server.AddRepositoryAsync();
        await server.StartBuildAsync();

        using var json = JsonDocument.Parse(await server.Stranger.GetStringAsync("/api/v1/builds/1", Stop));

        var build = json.RootElement.GetProperty("build");
        Assert.Equal("waiting", build.GetProperty("state").GetString());
        Assert.Equal("manual", build.GetProperty("trigger").GetString());
        Assert.EndsWith("+00:00", build.GetProperty("createdAt").GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, build.GetProperty("reason").ValueKind);
        Assert.Equal("1.1", json.RootElement.GetProperty("jobs")[0].GetProperty("id").GetString());
        Assert.Equal(2, build.GetProperty("jobCounts").GetProperty("waiting").GetInt32());
    }

    [Fact]
    public async Task The_openapi_document_names_every_operation_and_numbers_are_numbers()
    {
        using var json = JsonDocument.Parse(await server.Stranger.GetStringAsync("/openapi/v1.json", Stop));

        var operations = json
            .RootElement.GetProperty("paths")
            .EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject())
            .Select(operation => operation.Value.GetProperty("operationId").GetString())
            .ToList();
        Assert.Superset(
            new HashSet<string?> { "ListBuilds", "GetJob", "GetLog", "AddRepository", "HookOfHost" },
            operations.ToHashSet()
        );
        Assert.Equal(operations.Count, operations.Distinct().Count());
        var id = json
            .RootElement.GetProperty("components")
            .GetProperty("schemas")
            .GetProperty("BuildSummary")
            .GetProperty("properties")
            .GetProperty("id")
            .GetProperty("type");
        Assert.Equal("integer", id.ToString());
    }

    [Theory]
    [InlineData("/livez", HttpStatusCode.OK)]
    [InlineData("/readyz", HttpStatusCode.OK)]
    [InlineData("/version", HttpStatusCode.OK)]
    [InlineData("/builds/42", HttpStatusCode.OK)] // a page
    [InlineData("/api/v1/nothing", HttpStatusCode.NotFound)]
    [InlineData("/assets/nothing.js", HttpStatusCode.NotFound)]
    [InlineData("/api/v1/builds/99", HttpStatusCode.NotFound)]
    [InlineData("/api/v1/builds/xyz", HttpStatusCode.NotFound)]
    [InlineData("/api/v1/jobs/42", HttpStatusCode.BadRequest)]
    public async Task Each_path_answers_as_it_should(string path, HttpStatusCode expected)
    {
        using var answer = await server.Stranger.GetAsync(path, Stop);

        Assert.Equal(expected, answer.StatusCode);
        if ((int)expected >= 400)
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Theory]
    [InlineData("/api/v1/repositories", "{")]
    [InlineData("/api/v1/repositories", "null")]
    [InlineData("/api/v1/repositories", "[]")]
    [InlineData("/api/v1/builds", "{}")]
    [InlineData("/api/v1/tokens", "{}")]
    public async Task Nonsense_is_the_senders_fault(string path, string body)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await server.Admin.PostAsync(path, content, Stop);

        Assert.InRange((int)answer.StatusCode, 400, 499);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    private async Task<T> GetAsync<T>(string path)
    {
        using var answer = await server.Admin.GetAsync(path, Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (await TestServer.ReadAsync<T>(answer))!;
    }

    private async Task FinishAllAsync(long build)
    {
        foreach (var job in server.Get<BuildViews>().Build(build)!.Jobs)
        {
            var lease = await server.ClaimAsync(job.Id);
            await server.Get<IJobReporter>().ReportAsync(lease, new JobFinished(Some.Passed), Stop);
        }
    }
}
