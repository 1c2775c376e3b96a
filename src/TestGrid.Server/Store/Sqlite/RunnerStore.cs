using System.Collections.Immutable;
using System.Text.Json;
using Dapper;
using Microsoft.Data.Sqlite;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Link;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>Remote runners: their tokens (of each only the hash), their names, and who was last heard when.</summary>
public sealed class RunnerStore(SqliteDatabase database, TimeProvider time)
{
    /// <summary>Another kind than <see cref="AccessStore.TokenPrefix"/>: neither opens the other's doors.</summary>
    public const string TokenPrefix = "tgr_";

    /// <summary>A new token. It is shown this once; nobody can read it from the store.</summary>
    public async Task<(TokenRecord Record, string Token)> AddTokenAsync(string name, CancellationToken stop)
    {
        var token = TokenPrefix + Hashes.Random();
        var now = time.Now;
        var id = await database.WriteAsync(
            db =>
                db.ExecuteScalar<long>(
                    "INSERT INTO runner_tokens (name, hash, created_at) VALUES (@name, @hash, @now) RETURNING id",
                    new
                    {
                        name,
                        hash = Hashes.Of(token),
                        now,
                    }
                ),
            stop
        );
        return (new TokenRecord(id, name, Rows.Time(now), null), token);
    }

    /// <summary>The tokens that are good, oldest first.</summary>
    public ImmutableArray<TokenRecord> Tokens()
    {
        using var db = database.Read();
        return
        [
            .. db.Query<(long Id, string Name, long Created, long? Used)>(
                    "SELECT id, name, created_at, last_used_at FROM runner_tokens WHERE revoked_at IS NULL ORDER BY id"
                )
                .Select(row => new TokenRecord(row.Id, row.Name, Rows.Time(row.Created), Rows.Time(row.Used))),
        ];
    }

    /// <summary>Whose token this is, or null.</summary>
    public TokenRecord? FindToken(string token)
    {
        if (!token.StartsWith(TokenPrefix, StringComparison.Ordinal) || token.Length > 100)
            return null;
        using var db = database.Read();
        var row = db.QuerySingleOrDefault<(long Id, string Name, long Created, long? Used)?>(
            "SELECT id, name, created_at, last_used_at FROM runner_tokens WHERE hash = @hash AND revoked_at IS NULL",
            new { hash = Hashes.Of(token) }
        );
        return row is { } found
            ? new TokenRecord(found.Id, found.Name, Rows.Time(found.Created), Rows.Time(found.Used))
            : null;
    }

    public Task TokenUsedAsync(long id, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute("UPDATE runner_tokens SET last_used_at = @now WHERE id = @id", new { id, now = time.Now });
            },
            stop
        );

    /// <summary>
    /// The token is good for nothing from now on, and its runners are forgotten. Their leases run out. Returns their
    /// names; null when there is no such token.
    /// </summary>
    public Task<ImmutableArray<string>?> RevokeTokenAsync(long id, CancellationToken stop) =>
        database.WriteAsync<ImmutableArray<string>?>(
            db =>
            {
                var revoked = db.Execute(
                    "UPDATE runner_tokens SET revoked_at = @now WHERE id = @id AND revoked_at IS NULL",
                    new { id, now = time.Now }
                );
                if (revoked != 1)
                    return null;
                return [.. db.Query<string>("DELETE FROM runners WHERE token = @id RETURNING name", new { id })];
            },
            stop
        );

    /// <summary>The runner's name belongs to the token from now on; false when it is another's.</summary>
    public async ValueTask<bool> GiveNameAsync(string runner, long token, CancellationToken stop)
    {
        using (var db = database.Read())
        {
            if (Owner(db, runner) is { } owner)
                return owner == token; // nearly always: once a runner is known, nothing is written
        }
        return await database.WriteAsync(
            db =>
            {
                db.Execute(
                    "INSERT INTO runners (name, token, heard_at) VALUES (@runner, @token, @now) ON CONFLICT DO NOTHING",
                    new
                    {
                        runner,
                        token,
                        now = time.Now,
                    }
                );
                return Owner(db, runner) == token;
            },
            stop
        );
    }

    /// <summary>The runner that this attempt was claimed by, when it is one of this token's; else null.</summary>
    public string? Holder(JobId job, int attempt, long token)
    {
        using var db = database.Read();
        return db.ExecuteScalar<string?>(
            """
            SELECT a.runner FROM attempts AS a JOIN runners AS r ON r.name = a.runner
            WHERE a.build = @Build AND a.cell = @Cell AND a.attempt = @attempt AND r.token = @token
            """,
            new
            {
                job.Build,
                job.Cell,
                attempt,
                token,
            }
        );
    }

    /// <summary>Keeps what a runner said of itself, so that a server that starts again knows who is missing.</summary>
    public Task HeardAsync(RunnerHello hello, bool left, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute(
                    """
                    UPDATE runners SET slots = @Slots, offer = @offer, heard_at = @now, left = @left, place = @Place
                    WHERE name = @Name
                    """,
                    new
                    {
                        hello.Name,
                        hello.Slots,
                        hello.Place,
                        offer = JsonSerializer.Serialize(hello.Offer, StoreJson.Default.RunnerOffer),
                        now = time.Now,
                        left,
                    }
                );
            },
            stop
        );

    /// <summary>Every remote runner that was ever heard, by name, unless its token was revoked.</summary>
    public ImmutableArray<KnownRunner> All()
    {
        using var db = database.Read();
        return
        [
            .. db.Query<(string Name, long Slots, string? Offer, long Heard, bool Left, string Place)>(
                    "SELECT name, slots, offer, heard_at, left, place FROM runners WHERE offer IS NOT NULL ORDER BY name"
                )
                .Select(row => new KnownRunner(
                    new RunnerHello(
                        row.Name,
                        (int)row.Slots,
                        JsonSerializer.Deserialize(row.Offer!, StoreJson.Default.RunnerOffer)!
                    )
                    {
                        Place = row.Place,
                    },
                    Rows.Time(row.Heard),
                    row.Left
                )),
        ];
    }

    /// <summary>The running jobs, and who runs each.</summary>
    public ILookup<string, JobId> Running()
    {
        using var db = database.Read();
        return db.Query<(string Runner, long Build, long Cell)>(
                "SELECT runner, build, cell FROM jobs WHERE state = 'running' ORDER BY build, cell"
            )
            .ToLookup(row => row.Runner, row => new JobId(row.Build, (int)row.Cell), StringComparer.Ordinal);
    }

    private static long? Owner(SqliteConnection db, string runner) =>
        db.ExecuteScalar<long?>("SELECT token FROM runners WHERE name = @runner", new { runner });
}

/// <param name="Left">It said goodbye, so nobody misses it.</param>
public sealed record KnownRunner(RunnerHello Hello, DateTimeOffset HeardAt, bool Left);
