using System.Net.Http.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Runner.Link;
using TestGrid.Runner.Queues.Http;
using TestGrid.Runner.Reporting.Http;
using TestGrid.Server.Access;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Server.Support;

/// <summary>What a remote runner has in hand, at one end of a cable; the server is at the other.</summary>
public sealed class RemoteSide : IAsyncDisposable
{
    private readonly TempFolder? own;

    private RemoteSide(Cable cable, string token, string? spool, SpoolOptions? options, string place = "here")
    {
        own = spool is null ? new TempFolder() : null;
        SpoolPath = spool ?? own!.Path;
        Cable = cable;
        Token = token;
        Link = new ServerLink(
            new LinkOptions(cable.Url, token, TimeSpan.FromSeconds(10), place),
            TimeProvider.System,
            NullLogger<ServerLink>.Instance
        );
        Queue = new HttpJobQueue(Link, NullLogger<HttpJobQueue>.Instance);
        Reporter = new HttpReporter(
            Link,
            Options.Create(new SpoolOptions { Path = SpoolPath, BytesMax = options?.BytesMax ?? 64 << 20 }),
            TimeProvider.System,
            NullLogger<HttpReporter>.Instance
        );
    }

    public Cable Cable { get; }
    public string Token { get; }
    public string SpoolPath { get; }
    public ServerLink Link { get; }
    public HttpJobQueue Queue { get; }
    public HttpReporter Reporter { get; }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<RemoteSide> ConnectAsync(TestServer server, SpoolOptions? options = null) =>
        new(new Cable(server.Url), await MakeTokenAsync(server), null, options);

    /// <summary>The next life of a runner: the same token, the same disk.</summary>
    public RemoteSide NextLife(TestServer server) => new(new Cable(server.Url), Token, SpoolPath, null);

    /// <summary>The same token on another machine.</summary>
    public RemoteSide Elsewhere(TestServer server) => Connect(server, Token, "elsewhere");

    public static RemoteSide Connect(TestServer server, string token, string place) =>
        new(new Cable(server.Url), token, null, null, place);

    public static async Task<string> MakeTokenAsync(TestServer server, string name = "farm")
    {
        using var answer = await server.Admin.PostAsJsonAsync("/api/v1/runner-tokens", new { name }, Stop);
        return (await TestServer.ReadAsync<TokenAdded>(answer))!.Token;
    }

    public async ValueTask DisposeAsync()
    {
        Link.Dispose();
        await Cable.DisposeAsync();
        own?.Dispose();
    }
}
