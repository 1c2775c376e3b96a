using System.Net;
using System.Net.Http.Json;
using TestGrid.Server.Access;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Access;

public sealed class DoorkeeperTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task On_loopback_a_stranger_reads_and_does_not_write()
    {
        await using var server = await TestServer.StartAsync();

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(server, HttpMethod.Get, "/api/v1/builds"));
        foreach (var (method, path) in Writes)
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(server, method, path));
        foreach (var path in new[] { "/api/v1/tokens", "/API/v1/tokens", "/api/V1/Tokens/" })
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(server, HttpMethod.Get, path));
    }

    [Fact]
    public async Task Where_others_reach_it_a_stranger_does_not_even_read()
    {
        await using var server = await TestServer.StartAsync(
            new AccessOptions { Listen = "http://127.0.0.1:0", PublicUrl = "https://ci.example.org" }
        );

        foreach (var path in new[] { "/api/v1/builds", "/api/v1/jobs/1.1/log", "/openapi/v1.json", "/api/v1/runners" })
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(server, HttpMethod.Get, path));
        Assert.Equal(
            HttpStatusCode.Unauthorized,
            await StatusAsync(server, HttpMethod.Post, "/live/negotiate?negotiateVersion=1")
        );
        foreach (var path in new[] { "/", "/livez", "/readyz", "/version", "/api/v1/session" })
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(server, HttpMethod.Get, path));
        using var mine = await server.Admin.GetAsync("/api/v1/builds", Stop);
        Assert.Equal(HttpStatusCode.OK, mine.StatusCode);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => server.ConnectAsync());
        await using var hub = await server.ConnectAsync(server.Token);
    }

    [Theory]
    [InlineData("evil.example.org", HttpStatusCode.BadRequest)]
    [InlineData("localhost.evil.example.org", HttpStatusCode.BadRequest)]
    [InlineData("localhost", HttpStatusCode.OK)]
    [InlineData("LOCALHOST:8080", HttpStatusCode.OK)]
    [InlineData("127.0.0.1", HttpStatusCode.OK)]
    [InlineData("[::1]:8080", HttpStatusCode.OK)]
    public async Task It_answers_only_to_its_own_names(string host, HttpStatusCode expected)
    {
        await using var server = await TestServer.StartAsync();

        Assert.Equal(expected, await StatusAsync(server, HttpMethod.Get, "/api/v1/builds", ("Host", host)));
    }

    [Theory]
    [InlineData("tg_0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("nonsense")]
    [InlineData("")]
    public async Task A_token_that_nobody_gave_opens_nothing(string token)
    {
        await using var server = await TestServer.StartAsync();

        var status = await StatusAsync(server, HttpMethod.Post, "/api/v1/tokens", ("Authorization", "Bearer " + token));

        Assert.Equal(HttpStatusCode.Unauthorized, status);
    }

    [Fact]
    public async Task A_token_is_shown_once_kept_hashed_and_can_be_revoked()
    {
        await using var server = await TestServer.StartAsync();
        using var answer = await server.Admin.PostAsJsonAsync("/api/v1/tokens", new { name = "ci" }, Stop);
        var (record, token) = (await TestServer.ReadAsync<TokenAdded>(answer))!;
        Assert.StartsWith("tg_", token, StringComparison.Ordinal);
        var bearer = ("Authorization", $"Bearer {token}");
        Assert.Equal(
            HttpStatusCode.NotFound,
            await StatusAsync(server, HttpMethod.Post, "/api/v1/builds/9/rerun", bearer)
        );

        using var listed = await server.Admin.GetAsync("/api/v1/tokens", Stop);
        Assert.DoesNotContain(token, await listed.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        using var revoked = await server.Admin.DeleteAsync($"/api/v1/tokens/{record.Id}", Stop);
        Assert.Equal(HttpStatusCode.NoContent, revoked.StatusCode);

        Assert.Equal(
            HttpStatusCode.Unauthorized,
            await StatusAsync(server, HttpMethod.Post, "/api/v1/builds/9/rerun", bearer)
        );
        foreach (var file in Directory.GetFiles(server.Path, "testgrid.db*"))
        {
            await using var open = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(open, System.Text.Encoding.Latin1);
            Assert.DoesNotContain(token, await reader.ReadToEndAsync(Stop), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_sign_in_link_works_once_and_its_cookie_writes_only_from_our_pages()
    {
        await using var server = await TestServer.StartAsync();
        var link = await server.Get<SignInLinks>().AddAsync(Stop);

        using var first = await server.Stranger.GetAsync(new Uri(link.Url), Stop);
        using var second = await server.Stranger.GetAsync(new Uri(link.Url), Stop);
        Assert.Equal((HttpStatusCode.Redirect, HttpStatusCode.Gone), (first.StatusCode, second.StatusCode));
        var cookie = Assert.Single(first.Headers.GetValues("Set-Cookie"));
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);

        var mine = ("Cookie", cookie.Split(';')[0]);
        var ours = ("Origin", server.Url.GetLeftPart(UriPartial.Authority));
        const string path = "/api/v1/builds/9/rerun";
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(server, HttpMethod.Post, path, mine, ours));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(server, HttpMethod.Post, path, mine));
        Assert.Equal(
            HttpStatusCode.Forbidden,
            await StatusAsync(server, HttpMethod.Post, path, mine, ("Origin", "https://evil.example.org"))
        );
        Assert.Equal(
            HttpStatusCode.Forbidden,
            await StatusAsync(server, HttpMethod.Post, path, mine, ("Origin", "null"))
        );

        Assert.Equal(
            HttpStatusCode.NoContent,
            await StatusAsync(server, HttpMethod.Delete, "/api/v1/session", mine, ours)
        );
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(server, HttpMethod.Post, path, mine, ours));
    }

    [Fact]
    public async Task A_sign_in_link_grows_old()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        await using var store = new TestStore(time);
        var access = new TestGrid.Server.Store.Sqlite.AccessStore(store.Database, time);
        var code = await access.AddLinkAsync(TimeSpan.FromHours(1), Stop);

        time.Advance(TimeSpan.FromMinutes(61));

        Assert.Null(await access.SignInAsync(code, TimeSpan.FromDays(1), Stop));
    }

    [Fact]
    public async Task Another_sites_page_cannot_watch()
    {
        await using var server = await TestServer.StartAsync();

        await Assert.ThrowsAnyAsync<Exception>(() => server.ConnectAsync(origin: "https://evil.example.org"));
        await using var hub = await server.ConnectAsync(origin: server.Url.GetLeftPart(UriPartial.Authority));
    }

    [Fact]
    public async Task Every_answer_tells_the_browser_to_be_careful()
    {
        await using var server = await TestServer.StartAsync();

        foreach (var path in new[] { "/", "/api/v1/builds", "/api/v1/builds/9", "/hooks/github", "/nothing.js" })
        {
            using var answer = await server.Stranger.GetAsync(path, Stop);
            Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
            var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
            Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_admin_token_is_for_its_owner_alone_and_made_again_when_lost()
    {
        using var folder = new TestGrid.Tests.Support.TempFolder();
        string first;
        await using (var server = await TestServer.StartAsync(path: folder.Path))
            first = server.Token;
        var file = Path.Combine(folder.Path, "admin-token");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite,
            File.GetUnixFileMode(Path.Combine(folder.Path, "secrets.key"))
        );
        await using (var server = await TestServer.StartAsync(path: folder.Path))
            Assert.Equal(first, server.Token);
        File.Delete(file);

        await using var last = await TestServer.StartAsync(path: folder.Path);

        Assert.NotEqual(first, last.Token);
        var old = ("Authorization", $"Bearer {first}");
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(last, HttpMethod.Get, "/api/v1/tokens", old));
    }

    private static (HttpMethod, string)[] Writes { get; } =
    [
        (HttpMethod.Post, "/api/v1/builds"),
        (HttpMethod.Post, "/api/v1/builds/1/rerun"),
        (HttpMethod.Post, "/api/v1/builds/1/cancel"),
        (HttpMethod.Post, "/api/v1/jobs/1.1/rerun"),
        (HttpMethod.Post, "/api/v1/jobs/1.1/cancel"),
        (HttpMethod.Post, "/api/v1/repositories"),
        (HttpMethod.Delete, "/api/v1/repositories/1"),
        (HttpMethod.Post, "/api/v1/repositories/1/secret"),
        (HttpMethod.Put, "/api/v1/repositories/1/credential"),
        (HttpMethod.Put, "/api/v1/repositories/1/secrets/X"),
        (HttpMethod.Post, "/api/v1/repositories/1/deliveries/test"),
        (HttpMethod.Post, "/api/v1/tokens"),
        (HttpMethod.Post, "/API/v1/tokens"),
        (HttpMethod.Post, "/api/v1/sign-in-links"),
    ];

    private static async Task<HttpStatusCode> StatusAsync(
        TestServer server,
        HttpMethod method,
        string path,
        params (string Name, string Value)[] headers
    )
    {
        using var request = new HttpRequestMessage(method, path);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await server.Stranger.SendAsync(request, Stop);
        return answer.StatusCode;
    }
}
