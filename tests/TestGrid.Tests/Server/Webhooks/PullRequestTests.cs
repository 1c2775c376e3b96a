using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;
using TestGrid.Server.Dashboard;
using TestGrid.Server.GitHosts;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Server.Webhooks;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Webhooks;

/// <summary>Pull requests through the real door, and what a stranger's may not have.</summary>
public sealed class PullRequestTests : IAsyncLifetime
{
    private const string Secret = "S3CRET";
    private TestServer server = null!;
    private RepositoryAdded added = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        server = await TestServer.StartAsync();
        added = await server.AddRepositoryAsync();
        await server.Get<RepositoryStore>().SetSecretAsync(added.Repository.Id, "TOKEN", Secret, Stop);
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task One_of_the_repositorys_own_branches_is_built_at_its_merge_with_the_secrets()
    {
        var build = await BuiltAsync(Body());

        Assert.Equal(
            (TriggerKind.Pull, new string('e', 40), "A fix", "eve"),
            (build.Build.Trigger, build.Build.Sha, build.Build.Title, build.Build.Author)
        );
        Assert.Equal(new PullSummary(12, "main", "topic", "us/them", false), build.Build.PullRequest);
        Assert.Equal(Secret, (await ClaimAsync(build)).Secrets["TOKEN"]);
        var order = server.Get<JobStore>().Order(build.Jobs[0].Id);
        Assert.Equal("refs/pull/12/merge", order.Trigger.Commit.Ref);
        Assert.Empty(order.Config.Notes);
    }

    [Fact]
    public async Task A_forks_is_not_built_unless_that_is_allowed_and_the_delivery_says_how()
    {
        using var answer = await PostAsync(Body(from: "eve/them"));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var kept = Assert.Single(server.Get<DeliveryStore>().List(added.Repository.Id, 9));
        Assert.Equal(("ignored", "pull_request", null), (kept.Outcome, kept.Event, kept.BuildId));
        Assert.Contains("eve/them", kept.Why, StringComparison.Ordinal);
        Assert.Contains("testgrid repo set us/them --pull-requests all", kept.Why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("eve/them")]
    [InlineData(null)] // deleted meanwhile
    public async Task A_forks_job_gets_no_secret_and_neither_does_its_rerun(string? from)
    {
        await AllowAsync("all");

        var build = await BuiltAsync(Body(from: from));
        using var answer = await server.Admin.PostAsync($"/api/v1/builds/{build.Build.Id}/rerun", null, Stop);
        var id = (await TestServer.ReadAsync<BuildStarted>(answer))!.Id;
        var again = await server.UntilAsync(id, detail => detail.Jobs.Length > 0);

        Assert.True(build.Build.PullRequest!.IsFork);
        Assert.Equal(build.Build.PullRequest, again.Build.PullRequest);
        Assert.Empty((await ClaimAsync(build)).Secrets);
        Assert.Empty((await ClaimAsync(again)).Secrets);
        var order = server.Get<JobStore>().Order(build.Jobs[0].Id);
        Assert.Contains("no secrets", Assert.Single(order.Config.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task None_are_built_where_none_are_wanted()
    {
        await AllowAsync("none");

        using var answer = await PostAsync(Body());

        Assert.Equal("ignored", Assert.Single(server.Get<DeliveryStore>().List(added.Repository.Id, 9)).Outcome);
    }

    [Fact]
    public async Task The_same_head_is_built_once_and_again_when_it_is_reopened()
    {
        var first = await BuiltAsync(Body());
        using var same = await PostAsync(Body("synchronize"), "2");
        using var reopened = await PostAsync(Body("reopened"), "3");

        Assert.Equal(first.Build.Id, (await TestServer.ReadAsync<HookReceipt>(same))!.Build);
        Assert.NotEqual(first.Build.Id, (await TestServer.ReadAsync<HookReceipt>(reopened))!.Build);
    }

    [Theory]
    [InlineData("branches: {except: main}\nscript: make\n", BuildReason.Branch)]
    [InlineData("if: type = push\nscript: make\n", BuildReason.FalseCondition)]
    [InlineData("jobs: {include: [{if: branch = topic, script: make}]}\n", BuildReason.NoJobs)]
    public async Task The_configuration_of_the_merge_decides_and_the_build_says_why(string config, string reason)
    {
        server.Commits.Config = config;

        var build = await BuiltAsync(Body());

        Assert.Equal((BuildState.Cancelled, reason), (build.Build.State, build.Build.Reason));
    }

    [Fact]
    public async Task A_head_that_asks_not_to_be_built_is_not()
    {
        server.Commits.Merge = server.Commits.Merge! with { Message = "docs [skip ci]" };

        Assert.Equal(BuildReason.Skipped, (await BuiltAsync(Body())).Build.Reason);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"action\":\"opened\",\"number\":1}")]
    [InlineData("{\"action\":\"opened\",\"number\":1,\"pull_request\":{\"head\":{},\"base\":{}}}")]
    public async Task What_is_no_pull_request_is_said_to_be_none(string json)
    {
        var body = JsonDocument.Parse(json).RootElement.Deserialize<Dictionary<string, JsonElement>>()!;
        body["repository"] = JsonSerializer.SerializeToElement(new { full_name = "us/them" });

        using var answer = await PostAsync(JsonSerializer.SerializeToUtf8Bytes(body));

        Assert.Equal("unusable", Assert.Single(server.Get<DeliveryStore>().List(added.Repository.Id, 9)).Outcome);
    }

    private async Task<BuildDetail> BuiltAsync(byte[] body)
    {
        using var answer = await PostAsync(body);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        var build = (await TestServer.ReadAsync<HookReceipt>(answer))!.Build!.Value;
        return await server.UntilAsync(build, detail => detail.Jobs.Length > 0 || detail.Build.FinishedAt is not null);
    }

    private async Task<TestGrid.Runner.Reporting.JobClaim> ClaimAsync(BuildDetail build) =>
        (
            await server
                .Get<TestGrid.Runner.Reporting.IJobReporter>()
                .ClaimAsync(new JobId(build.Build.Id, 1), "one", Stop)
        )!;

    private async Task AllowAsync(string rule)
    {
        using var answer = await server.Admin.PatchAsJsonAsync(
            $"/api/v1/repositories/{added.Repository.Id}",
            new { pullRequests = rule },
            Stop
        );
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static byte[] Body(string action = "opened", string? from = "us/them") =>
        JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                action,
                number = 12,
                pull_request = new
                {
                    draft = false,
                    html_url = "https://example.org/us/them/pull/12",
                    user = new { login = "eve" },
                    head = new
                    {
                        @ref = "topic",
                        sha = Some.Sha,
                        repo = from is null ? null : new { full_name = from },
                    },
                    @base = new
                    {
                        @ref = "main",
                        sha = Some.Before,
                        repo = new { full_name = "us/them" },
                    },
                },
                repository = new { full_name = "us/them" },
            }
        );

    private async Task<HttpResponseMessage> PostAsync(byte[] body, string delivery = "1")
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/hooks/github") { Content = content };
        request.Headers.Add("X-GitHub-Event", "pull_request");
        request.Headers.Add("X-GitHub-Delivery", delivery);
        request.Headers.Add("X-Hub-Signature-256", Signature.Of(body, added.Secret));
        return await server.Stranger.SendAsync(request, Stop);
    }
}
