using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using TestGrid.Server.Dashboard;
using TestGrid.Server.GitHosts;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Server.Webhooks;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Webhooks;

public sealed class WebhookTests : IAsyncLifetime
{
    private TestServer server = null!;
    private RepositoryAdded added = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        server = await TestServer.StartAsync();
        added = await server.AddRepositoryAsync();
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Theory]
    [InlineData("/hooks/github")]
    [InlineData("/hooks/r/1")]
    public async Task A_signed_push_starts_a_build_that_is_on_the_disk(string path)
    {
        using var answer = await PostAsync(path, Push(), added.Secret);

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        var receipt = (await TestServer.ReadAsync<HookReceipt>(answer))!;
        Assert.Equal($"{server.Url}builds/{receipt.Build}", receipt.Url);
        Assert.Equal(receipt.Url, answer.Headers.Location?.ToString());
        var build = await server.UntilAsync(receipt.Build!.Value, detail => detail.Jobs.Length == 2);
        Assert.Equal(
            ("main", Some.Sha, "Add it", "Ada"),
            (build.Build.Branch, build.Build.Sha, build.Build.Title, build.Build.Author)
        );
    }

    [Fact]
    public async Task A_build_that_was_answered_is_there_after_a_crash()
    {
        server.Commits.Gate = new TaskCompletionSource().Task; // not planned yet when it comes
        using var answer = await PostAsync("/hooks/github", Push(), added.Secret);
        var build = (await TestServer.ReadAsync<HookReceipt>(answer))!.Build!.Value;
        // The files as they are at this moment, without a goodbye: what a power cut leaves.
        using var copy = new TestGrid.Tests.Support.TempFolder();
        foreach (var file in Directory.GetFiles(server.Path, "testgrid.db*"))
            File.Copy(file, Path.Combine(copy.Path, Path.GetFileName(file)));

        await using var next = new TestStore(TimeProvider.System, copy.Path);

        Assert.Equal(build, next.Builds.NextUnplanned([])?.Id);
    }

    [Fact]
    public async Task The_same_delivery_or_the_same_push_gives_the_same_build()
    {
        using var first = await PostAsync("/hooks/github", Push(), added.Secret, delivery: "a");
        using var again = await PostAsync("/hooks/github", Push(), added.Secret, delivery: "a");
        using var other = await PostAsync("/hooks/r/1", Push(), added.Secret, delivery: "b");
        using var next = await PostAsync(
            "/hooks/github",
            Push(before: Some.Sha, after: Some.Before),
            added.Secret,
            delivery: "c"
        );

        var builds = new List<long?>();
        foreach (var answer in new[] { first, again, other, next })
        {
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            builds.Add((await TestServer.ReadAsync<HookReceipt>(answer))!.Build);
        }
        Assert.Equal([1, 1, 1, 2], builds);
        var deliveries = await DeliveriesAsync();
        Assert.Equal(["accepted", "duplicate", "duplicate", "accepted"], deliveries.Select(one => one.Outcome));
    }

    [Fact]
    public async Task Many_at_once_of_the_same_push_start_one_build()
    {
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(n => PostAsync("/hooks/github", Push(), added.Secret, delivery: $"{n}"))
        );

        foreach (var answer in answers)
            Assert.Equal(1, (await TestServer.ReadAsync<HookReceipt>(answer))!.Build);
        Assert.Single(server.Get<BuildViews>().List(null, null, 50).Builds);
    }

    [Fact]
    public async Task A_branch_made_again_at_the_same_commit_is_built_again()
    {
        var zero = new string('0', 40);
        using var made = await PostAsync("/hooks/github", Push(before: zero), added.Secret, delivery: "a");
        using var deleted = await PostAsync(
            "/hooks/github",
            Push(before: Some.Sha, after: zero, deleted: true),
            added.Secret,
            delivery: "b"
        );
        using var again = await PostAsync("/hooks/github", Push(before: zero), added.Secret, delivery: "c");

        Assert.Equal(HttpStatusCode.OK, deleted.StatusCode);
        Assert.Equal(2, (await TestServer.ReadAsync<HookReceipt>(again))!.Build);
    }

    [Theory]
    [InlineData("ping", null, "ping")]
    [InlineData("star", null, "asks for no build")]
    [InlineData("push", "docs [skip ci]", "[skip ci]")]
    [InlineData("push", "docs [CI skip]", "[CI skip]")]
    public async Task What_asks_for_no_build_is_kept_and_answered_with_200(string @event, string? message, string why)
    {
        using var answer = await PostAsync(
            "/hooks/github",
            Push(message: message ?? "x"),
            added.Secret,
            @event: @event
        );

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var kept = Assert.Single(await DeliveriesAsync());
        Assert.Equal(("ignored", @event), (kept.Outcome, kept.Event));
        Assert.Contains(why, kept.Why, StringComparison.Ordinal);
        Assert.Empty(server.Get<BuildViews>().List(null, null, 50).Builds);
    }

    [Fact]
    public async Task A_tag_is_tested_at_its_commit_and_not_at_its_own_object()
    {
        var body = Push(@ref: "refs/tags/v1", after: Some.Before, head: Some.Sha);
        using var answer = await PostAsync("/hooks/github", body, added.Secret);

        var build = server
            .Get<BuildViews>()
            .Build((await TestServer.ReadAsync<HookReceipt>(answer))!.Build!.Value)!
            .Build;
        Assert.Equal(("v1", null, Some.Sha), (build.Tag, build.Branch, build.Sha));
    }

    [Fact]
    public async Task GitHubs_form_is_read_too()
    {
        var form = Encoding.ASCII.GetBytes("payload=" + Uri.EscapeDataString(Encoding.UTF8.GetString(Push())));
        using var answer = await PostAsync(
            "/hooks/github",
            form,
            added.Secret,
            type: "application/x-www-form-urlencoded"
        );

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
    }

    [Theory]
    [InlineData("/hooks/github", "us/them", "wrong")]
    [InlineData("/hooks/github", "no/body", "wrong")]
    [InlineData("/hooks/github", "us/them", null)]
    [InlineData("/hooks/r/1", "us/them", "wrong")]
    [InlineData("/hooks/r/99", "us/them", "wrong")]
    [InlineData("/hooks/r/1", "us/them", null)]
    [InlineData("/hooks/generic", "us/them", "wrong")]
    public async Task A_stranger_is_told_the_same_whatever_there_is(string path, string slug, string? secret)
    {
        using var answer = await PostAsync(path, Push(slug: slug), secret);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal(
            """{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.2","title":"The delivery is not signed with the secret of a repository here","status":401}""",
            await answer.Content.ReadAsStringAsync(Stop)
        );
        Assert.Empty(server.Get<BuildViews>().List(null, null, 50).Builds);
    }

    [Fact]
    public async Task A_thousand_refusals_leave_one_row()
    {
        for (var i = 0; i < 1000; i++)
        {
            using var answer = await PostAsync("/hooks/r/1", Push(), "wrong", delivery: $"{i}");
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }

        var kept = Assert.Single(await DeliveriesAsync());
        Assert.Equal(("refused", ""), (kept.Outcome, kept.DeliveryId));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("""{"ref": "refs/heads/main", "after": "xyz", "repository": {"full_name": "us/them"}}""")]
    [InlineData("""{"ref": 7, "repository": {"full_name": "us/them"}}""")]
    [InlineData("""{"ref": "refs/heads/a b", "after": "0123456789abcdef0123456789abcdef01234567"}""")]
    public async Task What_is_signed_and_makes_no_sense_is_422(string body)
    {
        using var answer = await PostAsync("/hooks/r/1", Encoding.UTF8.GetBytes(body), added.Secret);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal("unusable", Assert.Single(await DeliveriesAsync()).Outcome);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task More_than_25_MB_is_413_announced_or_not(bool announced)
    {
        using var content = new StreamContent(new Zeros(HookBodies.BytesMax + 1));
        content.Headers.ContentLength = announced ? HookBodies.BytesMax + 1 : null;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/hooks/github") { Content = content };
        request.Headers.TransferEncodingChunked = !announced;

        using var answer = await server.Stranger.SendAsync(request, Stop);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Fact]
    public async Task A_push_of_almost_25_MB_is_taken()
    {
        var body = Push(message: new string('m', HookBodies.BytesMax - 4096));
        using var answer = await PostAsync("/hooks/github", body, added.Secret);

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
    }

    [Theory]
    [InlineData(
        """{"ref": "refs/heads/dev", "sha": "0123456789abcdef0123456789abcdef01234567", "repository": "us/them"}""",
        "/hooks/generic"
    )]
    [InlineData("""{"branch": "dev"}""", "/hooks/r/1")]
    [InlineData("""{"ref": "dev", "message": "The newest", "author": "Ada"}""", "/hooks/r/1")]
    public async Task A_generic_delivery_starts_a_build(string body, string path)
    {
        using var answer = await PostGenericAsync(path, body, added.Secret);

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        var build = await server.UntilAsync(
            (await TestServer.ReadAsync<HookReceipt>(answer))!.Build!.Value,
            detail => detail.Jobs.Length > 0
        );
        Assert.Equal(("dev", Some.Sha), (build.Build.Branch, build.Build.Sha));
    }

    [Fact]
    public async Task A_generic_tag_without_its_commit_is_unusable()
    {
        using var answer = await PostGenericAsync("/hooks/r/1", """{"ref": "refs/tags/v1"}""", added.Secret);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
    }

    [Fact]
    public async Task Those_who_announce_much_and_send_nothing_keep_nobody_out()
    {
        var idlers = new List<System.Net.Sockets.TcpClient>();
        try
        {
            for (var i = 0; i < 20; i++)
            {
                var idler = new System.Net.Sockets.TcpClient();
                idlers.Add(idler);
                await idler.ConnectAsync(server.Url.Host, server.Url.Port, Stop);
                var head =
                    $"POST /hooks/github HTTP/1.1\r\nHost: {server.Url.Authority}\r\nContent-Length: {HookBodies.BytesMax}\r\n\r\n";
                await idler.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), Stop);
            }

            using var answer = await PostAsync("/hooks/github", Push(), added.Secret);

            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        }
        finally
        {
            idlers.ForEach(idler => idler.Dispose());
        }
    }

    [Fact]
    public async Task A_test_goes_through_the_same_door_and_is_kept()
    {
        using var answer = await server.Admin.PostAsync("/api/v1/repositories/1/deliveries/test", null, Stop);

        var record = (await TestServer.ReadAsync<DeliveryRecord>(answer))!;
        Assert.Equal(("generic", "ping", "ignored"), (record.Host, record.Event, record.Outcome));
        Assert.Equal(record, Assert.Single(await DeliveriesAsync()));
    }

    [Fact]
    public async Task An_old_secret_is_good_for_nothing()
    {
        using var rotated = await server.Admin.PostAsync("/api/v1/repositories/1/secret", null, Stop);
        var secret = (await TestServer.ReadAsync<HookSecretShown>(rotated))!.Secret;

        using var old = await PostAsync("/hooks/github", Push(), added.Secret);
        using var mine = await PostAsync("/hooks/github", Push(), secret);

        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.Accepted), (old.StatusCode, mine.StatusCode));
    }

    [Fact]
    public async Task Of_two_repositories_of_one_name_the_one_whose_secret_fits_is_meant()
    {
        var other = await server.AddRepositoryAsync("https://git.example.org/us/them.git");

        using var answer = await PostAsync("/hooks/github", Push(), other.Secret);

        var build = server.Get<BuildViews>().Build((await TestServer.ReadAsync<HookReceipt>(answer))!.Build!.Value)!;
        Assert.Equal(other.Repository.Id, build.Build.RepositoryId);
    }

    internal static byte[] Push(
        string slug = "us/them",
        string @ref = "refs/heads/main",
        string before = Some.Before,
        string after = Some.Sha,
        string? head = null,
        string message = "Add it",
        bool deleted = false
    ) =>
        JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                @ref,
                before,
                after,
                deleted,
                compare = "https://example.org/compare",
                head_commit = deleted
                    ? null
                    : new
                    {
                        id = head ?? after,
                        message,
                        author = new { name = "Ada" },
                    },
                repository = new { full_name = slug, clone_url = "https://evil.example.org/x" },
            }
        );

    private async Task<HttpResponseMessage> PostAsync(
        string path,
        byte[] body,
        string? secret,
        string delivery = "1",
        string @event = "push",
        string type = "application/json"
    )
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        request.Headers.Add("X-GitHub-Event", @event);
        request.Headers.Add("X-GitHub-Delivery", delivery);
        if (secret is not null)
            request.Headers.Add("X-Hub-Signature-256", Signature.Of(body, secret));
        return await server.Stranger.SendAsync(request, Stop);
    }

    private async Task<HttpResponseMessage> PostGenericAsync(string path, string json, string secret)
    {
        var body = Encoding.UTF8.GetBytes(json);
        using var content = new ByteArrayContent(body);
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        request.Headers.Add("X-TestGrid-Signature-256", Signature.Of(body, secret));
        return await server.Stranger.SendAsync(request, Stop);
    }

    private async Task<List<DeliveryRecord>> DeliveriesAsync()
    {
        using var answer = await server.Admin.GetAsync("/api/v1/repositories/1/deliveries", Stop);
        var newestFirst = (await TestServer.ReadAsync<List<DeliveryRecord>>(answer))!;
        newestFirst.Reverse();
        return newestFirst;
    }

    /// <summary>So many zero bytes, and no memory for them.</summary>
    private sealed class Zeros(long length) : Stream
    {
        private long left = length;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = (int)Math.Min(count, left);
            Array.Clear(buffer, offset, read);
            left -= read;
            return read;
        }

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
