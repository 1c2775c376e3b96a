using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Link;
using TestGrid.Runner.Reporting.Http;
using TestGrid.Server.Dashboard;
using TestGrid.Server.Scheduling;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Recording;

/// <summary>Who may come in by the runners' door, and what for.</summary>
public sealed class RunnerDoorTests : IAsyncLifetime
{
    private static readonly RunnerOffer Offer = new("1", "Debian", "x64", ["native"], ["base"]);

    private TestServer server = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        server = await TestServer.StartAsync();
        await server.AddRepositoryAsync();
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    public static TheoryData<string, string> Calls =>
        new()
        {
            { "POST", "hello" },
            { "POST", "goodbye" },
            { "PUT", "orders/00000000000000000000000000000001?runner=one&wait=0" },
            { "DELETE", "orders/00000000000000000000000000000001?acknowledged=true" },
            { "POST", "claims" },
            { "POST", "leases/renew" },
            { "POST", "leases/bundle" },
            { "POST", "leases/release" },
            { "POST", "leases/release-all" },
            { "POST", "events" },
            { "PUT", "jobs/1.1/attempts/1/log?offset=0" },
            { "GET", "bundles?recipe=base" },
            { "GET", "server" },
        };

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Only_a_runners_token_opens_it(string method, string path)
    {
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(null, method, "/api/v1/runner/" + path));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync("tgr_0", method, "/API/v1/Runner/" + path));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(server.Token, method, "/api/v1/runner/" + path));
        var mine = await RemoteSide.MakeTokenAsync(server);
        var status = await StatusAsync(mine, method, "/api/v1/runner/" + path);
        Assert.True(status is not (HttpStatusCode.Unauthorized or HttpStatusCode.NotFound), $"{status}");
    }

    [Theory]
    [InlineData("GET", "/api/v1/builds")]
    [InlineData("POST", "/api/v1/builds")]
    [InlineData("GET", "/api/v1/tokens")]
    [InlineData("GET", "/api/v1/runner-tokens")]
    [InlineData("POST", "/api/v1/runner-tokens")]
    [InlineData("GET", "/api/v1/repositories")]
    [InlineData("POST", "/live/negotiate")]
    [InlineData("GET", "/openapi/v1.json")]
    public async Task A_runners_token_opens_nothing_else(string method, string path) =>
        Assert.Equal(
            HttpStatusCode.Forbidden,
            await StatusAsync(await RemoteSide.MakeTokenAsync(server), method, path)
        );

    [Fact]
    public async Task Its_tokens_are_no_strangers_business_even_where_reading_is_open()
    {
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(null, "GET", "/api/v1/runner-tokens"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(server.Token, "GET", "/api/v1/runner-tokens"));
    }

    [Fact]
    public async Task A_runner_reports_only_what_it_claimed_itself()
    {
        await using var mine = await RemoteSide.ConnectAsync(server);
        await using var other = await RemoteSide.ConnectAsync(server);
        var job = new JobId(await server.StartBuildAsync(), 1);
        var lease = (await mine.Reporter.ClaimAsync(job, "mine", Stop))!.Lease;

        // With the very token of the lease in hand: stolen, or guessed.
        Assert.Equal(JobWish.Fenced, await other.Reporter.RenewAsync(lease, Stop));
        Assert.Equal(
            JobWish.Fenced,
            await other.Reporter.ReportAsync(lease, new OutputWritten(0, "x"u8.ToArray()), Stop)
        );
        Assert.Equal(JobWish.Fenced, await other.Reporter.ReportAsync(lease, new JobFinished(Some.Failed), Stop));
        await other.Reporter.ReleaseAsync(lease, "mischief", Stop);
        await Assert.ThrowsAsync<ServerRefusedException>(() => other.Reporter.ReleaseAllAsync("mine", Stop).AsTask());
        await Assert.ThrowsAsync<ServerRefusedException>(() => other.Reporter.ClaimAsync(job, "mine", Stop).AsTask());

        Assert.Equal(JobWish.CarryOn, await mine.Reporter.RenewAsync(lease, Stop));
        await mine.Reporter.ReportAsync(lease, new JobFinished(Some.Passed), Stop);
        var detail = await server.UntilAsync(job.Build, build => build.Jobs[0].State.IsFinal);
        Assert.Equal(JobState.Passed, detail.Jobs[0].State);
    }

    [Fact]
    public async Task A_revoked_token_is_refused_and_its_runners_are_forgotten()
    {
        await using var remote = await RemoteSide.ConnectAsync(server);
        await HelloAsync(remote, "one", 2);
        var job = new JobId(await server.StartBuildAsync(), 1);
        var lease = (await remote.Reporter.ClaimAsync(job, "one", Stop))!.Lease;
        Assert.Equal(2, server.Get<RunnerRoom>().Slots);
        var id = (await server.Admin.GetFromJsonAsync<TokenListed[]>("/api/v1/runner-tokens", Stop))!.Single().Id;

        using var revoked = await server.Admin.DeleteAsync($"/api/v1/runner-tokens/{id}", Stop);

        Assert.Equal(HttpStatusCode.NoContent, revoked.StatusCode);
        Assert.Equal(JobWish.Fenced, await remote.Reporter.RenewAsync(lease, Stop));
        var said = await Assert.ThrowsAsync<ServerRefusedException>(() => HelloAsync(remote, "one", 2));
        Assert.Equal(401, said.Status);
        Assert.Empty(server.Get<RunnerViews>().List().Runners);
    }

    [Fact]
    public async Task A_name_belongs_to_the_token_that_said_it_first_and_never_is_the_embedded_ones()
    {
        server.Get<RunnerRoom>().Set("embedded", 1);
        await using var mine = await RemoteSide.ConnectAsync(server);
        await using var other = await RemoteSide.ConnectAsync(server);
        await HelloAsync(mine, "one", 1);

        var taken = await Assert.ThrowsAsync<ServerRefusedException>(() => HelloAsync(other, "one", 1));
        Assert.Equal(409, taken.Status);
        Assert.Contains("another runner's", taken.Message, StringComparison.Ordinal);
        Assert.Equal(
            409,
            (await Assert.ThrowsAsync<ServerRefusedException>(() => HelloAsync(other, "embedded", 1))).Status
        );
        Assert.Equal(409, (await Assert.ThrowsAsync<ServerRefusedException>(() => HelloAsync(other, "a b", 1))).Status);
        Assert.Equal(
            409,
            (await Assert.ThrowsAsync<ServerRefusedException>(() => HelloAsync(other, "two", 65))).Status
        );
    }

    [Fact]
    public async Task Two_machines_with_one_token_and_name_do_not_take_each_others_jobs()
    {
        await using var mine = await RemoteSide.ConnectAsync(server);
        await using var copy = mine.Elsewhere(server);
        await HelloAsync(mine, "one", 1);
        var job = new JobId(await server.StartBuildAsync(), 1);
        var lease = (await mine.Reporter.ClaimAsync(job, "one", Stop))!.Lease;

        var refused = await Assert.ThrowsAsync<ServerRefusedException>(() => HelloAsync(copy, "one", 1));
        Assert.Equal(409, refused.Status);
        Assert.Matches("one was heard [01] s ago from another machine.* its own name with --name", refused.Message);
        await Assert.ThrowsAsync<ServerRefusedException>(() => copy.Reporter.ReleaseAllAsync("one", Stop).AsTask());
        var second = new JobId(job.Build, 2);
        await Assert.ThrowsAsync<ServerRefusedException>(() => copy.Reporter.ClaimAsync(second, "one", Stop).AsTask());
        Assert.Equal(JobWish.CarryOn, await mine.Reporter.RenewAsync(lease, Stop));

        // The same one again, from the same folder: at once, and what it held is given back.
        await using var next = mine.NextLife(server);
        await HelloAsync(next, "one", 1);
        await next.Reporter.ReleaseAllAsync("one", Stop);
        Assert.Equal(JobWish.Fenced, await mine.Reporter.RenewAsync(lease, Stop));
        await GoodbyeAsync(next, "one");
        await HelloAsync(copy, "one", 1); // the other has gone
        Assert.NotNull(await copy.Reporter.ClaimAsync(second, "one", Stop));
    }

    [Fact]
    public async Task A_name_is_free_when_its_machine_is_away_and_a_server_that_starts_again_waits_for_it_first()
    {
        using var data = new TestGrid.Tests.Support.TempFolder();
        var time = new FakeTimeProvider();
        string token;
        await using (var first = await TestServer.StartAsync(path: data.Path, time: time))
        {
            await using var mine = await RemoteSide.ConnectAsync(first);
            await HelloAsync(mine, "one", 1);
            token = mine.Token;
        }
        time.Advance(TimeSpan.FromHours(1)); // the server was away, and heard nobody
        await using var again = await TestServer.StartAsync(path: data.Path, time: time);
        await using var was = RemoteSide.Connect(again, token, "here");
        await using var copy = RemoteSide.Connect(again, token, "elsewhere");

        Assert.Equal(409, (await Assert.ThrowsAsync<ServerRefusedException>(() => HelloAsync(copy, "one", 1))).Status);
        time.Advance(TimeSpan.FromSeconds(16));
        await HelloAsync(copy, "one", 1);
        Assert.Equal(409, (await Assert.ThrowsAsync<ServerRefusedException>(() => HelloAsync(was, "one", 1))).Status);
    }

    [Fact]
    public async Task A_claim_whose_answer_was_lost_is_answered_again()
    {
        await using var remote = await RemoteSide.ConnectAsync(server);
        var job = new JobId(await server.StartBuildAsync(), 1);
        var asked = new ClaimAsked(job, "one", new string('a', 32));
        var json = (ReportJson.Default.ClaimAsked, ReportJson.Default.ClaimReply);

        var first = await remote.Link.PostAsync("/api/v1/runner/claims", asked, json, Stop);
        var again = await remote.Link.PostAsync("/api/v1/runner/claims", asked, json, Stop);
        var another = await remote.Link.PostAsync(
            "/api/v1/runner/claims",
            asked with
            {
                Nonce = new string('b', 32),
            },
            json,
            Stop
        );

        Assert.Equal(1, first!.Lease.Attempt);
        Assert.Equal(first.Lease, again!.Lease);
        Assert.Null(another);
    }

    [Fact]
    public async Task A_server_that_starts_again_knows_who_is_missing_and_who_said_goodbye()
    {
        await using var remote = await RemoteSide.ConnectAsync(server);
        await HelloAsync(remote, "kept", 1);
        await HelloAsync(remote, "left", 1);
        await GoodbyeAsync(remote, "left");

        var known = server.Get<TestGrid.Server.Store.Sqlite.RunnerStore>().All();

        Assert.Equal([("kept", false), ("left", true)], known.Select(one => (one.Hello.Name, one.Left)));
        Assert.True(known[0].Hello.Offer.Same(Offer));
    }

    private async Task<HttpStatusCode> StatusAsync(string? token, string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (token is not null)
            request.Headers.Authorization = new("Bearer", token);
        using var answer = await server.Stranger.SendAsync(request, Stop);
        return answer.StatusCode;
    }

    private static async Task GoodbyeAsync(RemoteSide remote, string name) =>
        await remote.Link.PostAsync(
            "/api/v1/runner/goodbye",
            new RunnerName(name),
            (HelloJson.Default.RunnerName, HelloJson.Default.Done),
            Stop
        );

    private static async Task HelloAsync(RemoteSide remote, string name, int slots) =>
        await remote.Link.PostAsync(
            "/api/v1/runner/hello",
            new RunnerHello(name, slots, Offer),
            (HelloJson.Default.RunnerHello, HelloJson.Default.HelloReply),
            Stop
        );

    private sealed record TokenListed(long Id);
}
