using System.Collections.Immutable;
using Dapper;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>Tokens, sign-in links and sessions: of each only the hash.</summary>
public sealed class AccessStore(SqliteDatabase database, TimeProvider time)
{
    public const string TokenPrefix = "tg_";

    /// <summary>A new token. It is shown this once; nobody can read it from the store.</summary>
    public async Task<(TokenRecord Record, string Token)> AddTokenAsync(
        string name,
        TokenScope scope,
        CancellationToken stop
    )
    {
        var token = TokenPrefix + Hashes.Random();
        var now = time.Now;
        var id = await database.WriteAsync(
            db =>
                db.ExecuteScalar<long>(
                    "INSERT INTO tokens (name, hash, created_at, scope) VALUES (@name, @hash, @now, @scope) RETURNING id",
                    new
                    {
                        name,
                        hash = Hashes.Of(token),
                        now,
                        scope = scope.ToString().ToLowerInvariant(),
                    }
                ),
            stop
        );
        return (new TokenRecord(id, name, Rows.Time(now), null) { Scope = scope }, token);
    }

    /// <summary>The tokens that are good, oldest first.</summary>
    public ImmutableArray<TokenRecord> Tokens()
    {
        using var db = database.Read();
        return
        [
            .. db.Query<(long Id, string Name, long Created, long? Used, string Scope)>(
                    "SELECT id, name, created_at, last_used_at, scope FROM tokens WHERE revoked_at IS NULL ORDER BY id"
                )
                .Select(row => Token(row.Id, row.Name, row.Created, row.Used, row.Scope)),
        ];
    }

    public Task<bool> RevokeTokenAsync(long id, CancellationToken stop) =>
        database.WriteAsync(
            db =>
                db.Execute(
                    "UPDATE tokens SET revoked_at = @now WHERE id = @id AND revoked_at IS NULL",
                    new { id, now = time.Now }
                ) == 1,
            stop
        );

    /// <summary>Whose token this is, or null.</summary>
    public TokenRecord? FindToken(string token)
    {
        if (!token.StartsWith(TokenPrefix, StringComparison.Ordinal) || token.Length > 100)
            return null;
        using var db = database.Read();
        var row = db.QuerySingleOrDefault<(long Id, string Name, long Created, long? Used, string Scope)?>(
            "SELECT id, name, created_at, last_used_at, scope FROM tokens WHERE hash = @hash AND revoked_at IS NULL",
            new { hash = Hashes.Of(token) }
        );
        return row is { } found ? Token(found.Id, found.Name, found.Created, found.Used, found.Scope) : null;
    }

    private static TokenRecord Token(long id, string name, long created, long? used, string scope) =>
        new(id, name, Rows.Time(created), Rows.Time(used)) { Scope = Rows.Word<TokenScope>(scope) };

    public Task TokenUsedAsync(long id, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute("UPDATE tokens SET last_used_at = @now WHERE id = @id", new { id, now = time.Now });
            },
            stop
        );

    /// <summary>A code that signs one browser in, once.</summary>
    public async Task<string> AddLinkAsync(TimeSpan good, CancellationToken stop)
    {
        var code = Hashes.Random();
        await database.WriteAsync(
            db =>
            {
                var now = time.Now;
                db.Execute("DELETE FROM sign_in_links WHERE expires_at < @now", new { now });
                db.Execute(
                    "INSERT INTO sign_in_links (hash, created_at, expires_at) VALUES (@hash, @now, @until)",
                    new
                    {
                        hash = Hashes.Of(code),
                        now,
                        until = now + (long)good.TotalMilliseconds,
                    }
                );
            },
            stop
        );
        return code;
    }

    /// <summary>Uses a code up: the new session's key, or null when the code is used, too old, or was never given.</summary>
    public Task<string?> SignInAsync(string code, TimeSpan good, CancellationToken stop) =>
        database.WriteAsync<string?>(
            db =>
            {
                var now = time.Now;
                var used = db.Execute(
                    "UPDATE sign_in_links SET used_at = @now WHERE hash = @hash AND used_at IS NULL AND expires_at > @now",
                    new { hash = Hashes.Of(code), now }
                );
                if (used != 1)
                    return null;
                var key = Hashes.Random();
                db.Execute("DELETE FROM sessions WHERE expires_at < @now", new { now });
                db.Execute(
                    "INSERT INTO sessions (hash, created_at, expires_at) VALUES (@hash, @now, @until)",
                    new
                    {
                        hash = Hashes.Of(key),
                        now,
                        until = now + (long)good.TotalMilliseconds,
                    }
                );
                return key;
            },
            stop
        );

    public bool IsSession(string key)
    {
        if (key.Length > 100)
            return false;
        using var db = database.Read();
        return db.ExecuteScalar<bool>(
            "SELECT EXISTS (SELECT 1 FROM sessions WHERE hash = @hash AND expires_at > @now)",
            new { hash = Hashes.Of(key), now = time.Now }
        );
    }

    public Task SignOutAsync(string key, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute("DELETE FROM sessions WHERE hash = @hash", new { hash = Hashes.Of(key) });
            },
            stop
        );
}

/// <summary>A token, without what it is.</summary>
public sealed record TokenRecord(long Id, string Name, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt)
{
    /// <summary>What it opens; a runner's token has its own door, and this means nothing for it.</summary>
    public TokenScope Scope { get; init; }
}

/// <summary>What a token may do.</summary>
public enum TokenScope
{
    /// <summary>Everything: an administrator's.</summary>
    Full,

    /// <summary>Look, and change nothing; neither tokens nor the audit are shown.</summary>
    Read,
}
