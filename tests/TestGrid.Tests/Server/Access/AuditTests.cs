using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using TestGrid.Server.Access;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Access;

public sealed class AuditTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_did_what_is_written_down_with_how_it_ended_and_never_a_secret()
    {
        await using var server = await TestServer.StartAsync();
        using var made = await server.Admin.PostAsJsonAsync("/api/v1/tokens", new { name = "ci" }, Stop);
        var token = (await TestServer.ReadAsync<TokenAdded>(made))!;
        using var revoked = await server.Admin.DeleteAsync($"/api/v1/tokens/{token.Record.Id}", Stop);
        using var rerun = await server.Admin.PostAsync("/api/v1/jobs/9.1/rerun", null, Stop);
        using var added = await server.Admin.PostAsJsonAsync(
            "/api/v1/repositories",
            new { url = "https://git.example.org/a/b", slug = "a/b" },
            Stop
        );
        var value = "a-secret-nobody-reads";
        using var secret = await server.Admin.PutAsJsonAsync("/api/v1/repositories/1/secrets/KEY", new { value }, Stop);
        using var stranger = await server.Stranger.PostAsync("/api/v1/jobs/9.1/rerun", null, Stop);
        Assert.Equal(HttpStatusCode.NoContent, secret.StatusCode);

        using var listed = await server.Admin.GetAsync("/api/v1/audit", Stop);
        var text = await listed.Content.ReadAsStringAsync(Stop);
        var rows = (await TestServer.ReadAsync<AuditRecord[]>(listed))!;

        Assert.Equal(
            [
                ("secret.set", "repositories/1/secrets/KEY", "done"),
                ("repository.add", "repositories", "done"),
                ("job.rerun", "jobs/9.1/rerun", "refused: There is no job 9.1 to run again"),
                ("token.revoke", $"tokens/{token.Record.Id}", "done"),
                ("token.create", $"tokens/{token.Record.Id} ci", "done"),
            ],
            rows.Select(row => (row.Entry.Action, row.Entry.Target, row.Entry.Outcome))
        );
        Assert.All(rows, row => Assert.Equal("token admin (this machine)", row.Entry.Who));
        Assert.All(rows, row => Assert.Equal("127.0.0.1", row.Entry.From));
        Assert.DoesNotContain(value, text, StringComparison.Ordinal);
        Assert.DoesNotContain(token.Token, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_that_may_only_read_changes_nothing_and_sees_neither_tokens_nor_the_audit()
    {
        await using var server = await TestServer.StartAsync();
        using var made = await server.Admin.PostAsJsonAsync(
            "/api/v1/tokens",
            new { name = "eyes", scope = "read" },
            Stop
        );
        var eyes = (await TestServer.ReadAsync<TokenAdded>(made))!;
        Assert.Equal(TokenScope.Read, eyes.Record.Scope);
        using var reader = new HttpClient { BaseAddress = server.Url };
        reader.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", eyes.Token);

        foreach (var path in new[] { "/api/v1/tokens", "/api/v1/audit", "/API/v1/Audit", "/api/v1/runner-tokens" })
        {
            using var hidden = await reader.GetAsync(path, Stop);
            Assert.Equal(HttpStatusCode.Forbidden, hidden.StatusCode);
        }
        foreach (var path in new[] { "/api/v1/tokens", "/api/v1/jobs/9.1/cancel", "/api/v1/sign-in-links" })
        {
            using var refused = await reader.PostAsJsonAsync(path, new { name = "more" }, Stop);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }
        using var builds = await reader.GetAsync("/api/v1/builds", Stop);
        Assert.Equal(HttpStatusCode.OK, builds.StatusCode);
        await using var hub = await server.ConnectAsync(eyes.Token);
        using var unknown = await server.Admin.PostAsJsonAsync(
            "/api/v1/tokens",
            new { name = "x", scope = "all" },
            Stop
        );
        Assert.Equal(HttpStatusCode.BadRequest, unknown.StatusCode);
    }

    [Fact]
    public async Task A_stranger_never_sees_it()
    {
        await using var server = await TestServer.StartAsync();

        using var answer = await server.Stranger.GetAsync("/api/v1/audit", Stop);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task Of_too_many_rows_the_oldest_leave()
    {
        await using var store = new TestStore(TimeProvider.System);
        var audit = new AuditStore(store.Database, TimeProvider.System) { Most = 3 };
        for (var i = 1; i <= 5; i++)
            await audit.AddAsync(new AuditEntry("me", "here", "do", $"{i}", "done"), Stop);

        Assert.Equal(["5", "4", "3"], audit.List(null, 10).Select(row => row.Entry.Target));
        Assert.Equal(["4", "3"], audit.List(audit.List(null, 1)[0].Id, 10).Select(row => row.Entry.Target));
    }
}
