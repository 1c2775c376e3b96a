using Microsoft.AspNetCore.Http;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Access;

/// <summary>Who asks.</summary>
/// <param name="Name">For the record: <c>token ci</c>, <c>a signed-in browser</c>.</param>
/// <param name="ByCookie">The browser sent it along by itself, so another site may have made it do so.</param>
public sealed record Caller(string Name, bool ByCookie)
{
    public const string Cookie = "testgrid-session";

    /// <summary>Whoever the doorkeeper found, or null for a stranger.</summary>
    public static Caller? Of(HttpContext context) => context.Features.Get<Caller>();
}

/// <summary>Finds out who asks: by token, or by the cookie of a session.</summary>
public sealed class Callers(AccessStore store, TimeProvider time)
{
    private static readonly TimeSpan UsedEvery = TimeSpan.FromMinutes(10);

    public Caller? Find(HttpRequest request)
    {
        const string bearer = "Bearer ";
        var header = request.Headers.Authorization.ToString();
        if (header.StartsWith(bearer, StringComparison.OrdinalIgnoreCase))
        {
            if (store.FindToken(header[bearer.Length..].Trim()) is not { } token)
                return null;
            if (token.LastUsedAt is not { } used || time.GetUtcNow() - used > UsedEvery)
                _ = store.TokenUsedAsync(token.Id, CancellationToken.None); // nobody waits for this
            return new Caller($"token {token.Name}", ByCookie: false);
        }
        return request.Cookies[Caller.Cookie] is { Length: > 0 } key && store.IsSession(key)
            ? new Caller("a signed-in browser", ByCookie: true)
            : null;
    }
}
