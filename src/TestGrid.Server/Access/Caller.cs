using Microsoft.AspNetCore.Http;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Access;

/// <summary>Who asks.</summary>
/// <param name="Name">For the record: <c>token ci</c>, <c>a signed-in browser</c>.</param>
/// <param name="ByCookie">The browser sent it along by itself, so another site may have made it do so.</param>
/// <param name="RunnerToken">The id of a runner's token, which opens <see cref="RunnerPath"/> and nothing else.</param>
public sealed record Caller(string Name, bool ByCookie, long? RunnerToken = null)
{
    /// <summary>It may look and change nothing; a session and a token of the scope <c>full</c> may all.</summary>
    public bool OnlyReads { get; init; }

    /// <summary>The door of remote runners.</summary>
    public const string RunnerPath = "/api/v1/runner";

    public const string Cookie = "testgrid-session";

    /// <summary>Whoever the doorkeeper found, or null for a stranger.</summary>
    public static Caller? Of(HttpContext context) => context.Features.Get<Caller>();
}

/// <summary>Finds out who asks: by token, or by the cookie of a session.</summary>
public sealed class Callers(AccessStore store, RunnerStore runners, TimeProvider time)
{
    private static readonly TimeSpan UsedEvery = TimeSpan.FromMinutes(10);

    public Caller? Find(HttpRequest request)
    {
        const string bearer = "Bearer ";
        var header = request.Headers.Authorization.ToString();
        if (header.StartsWith(bearer, StringComparison.OrdinalIgnoreCase))
        {
            var given = header[bearer.Length..].Trim();
            if (runners.FindToken(given) is { } ofRunner)
            {
                if (IsLongAgo(ofRunner))
                    _ = runners.TokenUsedAsync(ofRunner.Id, CancellationToken.None); // nobody waits for this
                return new Caller($"runner token {ofRunner.Name}", ByCookie: false, ofRunner.Id);
            }
            if (store.FindToken(given) is not { } token)
                return null;
            if (IsLongAgo(token))
                _ = store.TokenUsedAsync(token.Id, CancellationToken.None);
            return new Caller($"token {token.Name}", ByCookie: false) { OnlyReads = token.Scope is TokenScope.Read };
        }
        return request.Cookies[Caller.Cookie] is { Length: > 0 } key && store.IsSession(key)
            ? new Caller("a signed-in browser", ByCookie: true)
            : null;
    }

    private bool IsLongAgo(TokenRecord token) =>
        token.LastUsedAt is not { } used || time.GetUtcNow() - used > UsedEvery;
}
