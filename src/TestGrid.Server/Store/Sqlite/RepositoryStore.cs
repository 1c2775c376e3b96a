using System.Collections.Immutable;
using System.Text.Json;
using Dapper;
using Microsoft.Data.Sqlite;
using TestGrid.Runner.Git;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>Registered repositories, and what is sealed for each: its webhook secret, its credential, its secrets.</summary>
public sealed class RepositoryStore(SqliteDatabase database, SecretBox box, TimeProvider time)
{
    private const string Columns = """
        id AS Id, host AS Host, slug AS Slug, url AS Url, created_at AS CreatedAt, shares_config AS SharesConfig,
        pull_requests AS PullRequests
        """;

    /// <summary>Registers it, or null when host and slug are taken. Returns it with the webhook secret, shown this once.</summary>
    public Task<(Repository Repository, string HookSecret)?> AddAsync(
        string host,
        string slug,
        string url,
        CancellationToken stop
    ) =>
        database.WriteAsync<(Repository, string)?>(
            db =>
            {
                var taken = db.ExecuteScalar<bool>(
                    "SELECT EXISTS (SELECT 1 FROM repositories WHERE host = @host AND slug = @slug AND removed_at IS NULL)",
                    new { host, slug }
                );
                if (taken)
                    return null;
                var row = db.QuerySingle<Row>(
                    $"""
                    INSERT INTO repositories (host, slug, url, created_at) VALUES (@host, @slug, @url, @now)
                    RETURNING {Columns}
                    """,
                    new
                    {
                        host,
                        slug,
                        url,
                        now = time.Now,
                    }
                );
                return (row.Repository, SetHookSecret(db, row.Id));
            },
            stop
        );

    public Repository? Find(long id)
    {
        using var db = database.Read();
        return db.QuerySingleOrDefault<Row>(
            $"SELECT {Columns} FROM repositories WHERE id = @id AND removed_at IS NULL",
            new { id }
        )?.Repository;
    }

    /// <summary>Every repository of that name, whatever its host; the name's case does not matter.</summary>
    public ImmutableArray<Repository> FindAll(string slug)
    {
        using var db = database.Read();
        return
        [
            .. db.Query<Row>(
                    $"SELECT {Columns} FROM repositories WHERE slug = @slug AND removed_at IS NULL ORDER BY id LIMIT 8",
                    new { slug }
                )
                .Select(row => row.Repository),
        ];
    }

    public ImmutableArray<Repository> List()
    {
        using var db = database.Read();
        return
        [
            .. db.Query<Row>($"SELECT {Columns} FROM repositories WHERE removed_at IS NULL ORDER BY slug, id")
                .Select(row => row.Repository),
        ];
    }

    /// <summary>Changes what is not null.</summary>
    public Task<bool> ChangeAsync(long id, bool? sharesConfig, PullRequestRule? pullRequests, CancellationToken stop) =>
        database.WriteAsync(
            db =>
                db.Execute(
                    """
                    UPDATE repositories SET shares_config = coalesce(@sharesConfig, shares_config),
                                            pull_requests = coalesce(@rule, pull_requests)
                    WHERE id = @id AND removed_at IS NULL
                    """,
                    new
                    {
                        id,
                        sharesConfig,
                        rule = pullRequests?.ToString().ToLowerInvariant(),
                    }
                ) == 1,
            stop
        );

    /// <summary>Takes it off the list and forgets its secrets; its builds stay readable.</summary>
    public Task<bool> RemoveAsync(long id, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute("DELETE FROM secrets WHERE repository = @id", new { id });
                return db.Execute(
                        """
                        UPDATE repositories SET removed_at = @now, hook_secret = NULL, credential = NULL
                        WHERE id = @id AND removed_at IS NULL
                        """,
                        new { id, now = time.Now }
                    ) == 1;
            },
            stop
        );

    /// <summary>The secret that its deliveries are signed with.</summary>
    public string? HookSecret(long id)
    {
        using var db = database.Read();
        var sealedSecret = db.ExecuteScalar<byte[]?>("SELECT hook_secret FROM repositories WHERE id = @id", new { id });
        return sealedSecret is null ? null : box.Open(sealedSecret, HookPlace(id));
    }

    /// <summary>A new webhook secret in place of the old one, or null when there is no such repository.</summary>
    public Task<string?> RotateHookSecretAsync(long id, CancellationToken stop) =>
        database.WriteAsync(
            db =>
                db.ExecuteScalar<bool>(
                    "SELECT EXISTS (SELECT 1 FROM repositories WHERE id = @id AND removed_at IS NULL)",
                    new { id }
                )
                    ? SetHookSecret(db, id)
                    : null,
            stop
        );

    /// <summary>How to fetch it; null for an open one.</summary>
    public GitCredential? Credential(long id)
    {
        using var db = database.Read();
        return Credential(db, id);
    }

    public Task<bool> SetCredentialAsync(long id, GitCredential? credential, CancellationToken stop)
    {
        var stored = credential switch
        {
            GitCredential.Password password => new StoredCredential(password.User, password.Secret, null, null),
            GitCredential.SshKey key => new StoredCredential(null, null, key.PrivateKey, key.KnownHosts),
            _ => null,
        };
        var value = stored is null
            ? null
            : box.Seal(JsonSerializer.Serialize(stored, StoreJson.Default.StoredCredential), CredentialPlace(id));
        return database.WriteAsync(
            db =>
                db.Execute(
                    "UPDATE repositories SET credential = @value WHERE id = @id AND removed_at IS NULL",
                    new { id, value }
                ) == 1,
            stop
        );
    }

    public ImmutableArray<string> SecretNames(long id)
    {
        using var db = database.Read();
        return [.. db.Query<string>("SELECT name FROM secrets WHERE repository = @id ORDER BY name", new { id })];
    }

    public Task SetSecretAsync(long id, string name, string value, CancellationToken stop)
    {
        var boxed = box.Seal(value, SecretPlace(id, name));
        return database.WriteAsync(
            db =>
            {
                db.Execute(
                    """
                    INSERT INTO secrets (repository, name, value, created_at) VALUES (@id, @name, @boxed, @now)
                    ON CONFLICT (repository, name) DO UPDATE SET value = @boxed, created_at = @now
                    """,
                    new
                    {
                        id,
                        name,
                        boxed,
                        now = time.Now,
                    }
                );
            },
            stop
        );
    }

    public Task<bool> RemoveSecretAsync(long id, string name, CancellationToken stop) =>
        database.WriteAsync(
            db => db.Execute("DELETE FROM secrets WHERE repository = @id AND name = @name", new { id, name }) == 1,
            stop
        );

    /// <summary>
    /// What a claim's reply carries, and nothing else ever does. The credential fetches the commit and stays outside of
    /// the sandbox.
    /// </summary>
    /// <param name="db">The claim's transaction.</param>
    /// <param name="id">The repository.</param>
    /// <param name="isStrangers">The job is of a pull request from a fork: whoever wrote it gets no secret.</param>
    internal (ImmutableSortedDictionary<string, string> Secrets, GitCredential? Credential) Claimed(
        SqliteConnection db,
        long id,
        bool isStrangers
    )
    {
        if (isStrangers)
            return (ImmutableSortedDictionary<string, string>.Empty, Credential(db, id));
        var secrets = db.Query<(string Name, byte[] Value)>(
                "SELECT name, value FROM secrets WHERE repository = @id",
                new { id }
            )
            .ToImmutableSortedDictionary(
                row => row.Name,
                row => box.Open(row.Value, SecretPlace(id, row.Name)),
                StringComparer.Ordinal
            );
        return (secrets, Credential(db, id));
    }

    private GitCredential? Credential(SqliteConnection db, long id)
    {
        var value = db.ExecuteScalar<byte[]?>("SELECT credential FROM repositories WHERE id = @id", new { id });
        if (value is null)
            return null;
        var stored = JsonSerializer.Deserialize(
            box.Open(value, CredentialPlace(id)),
            StoreJson.Default.StoredCredential
        )!;
        return stored.PrivateKey is { } key
            ? new GitCredential.SshKey(key, stored.KnownHosts ?? "")
            : new GitCredential.Password(stored.User ?? "", stored.Secret ?? "");
    }

    private string SetHookSecret(SqliteConnection db, long id)
    {
        var secret = Hashes.Random();
        db.Execute(
            "UPDATE repositories SET hook_secret = @boxed WHERE id = @id",
            new { id, boxed = box.Seal(secret, HookPlace(id)) }
        );
        return secret;
    }

    private static string HookPlace(long id) => $"hook:{id}";

    private static string CredentialPlace(long id) => $"credential:{id}";

    private static string SecretPlace(long id, string name) => $"secret:{id}:{name}";

    private sealed record Row(
        long Id,
        string Host,
        string Slug,
        string Url,
        long CreatedAt,
        long SharesConfig,
        string PullRequests
    )
    {
        public Repository Repository =>
            new(Id, Host, Slug, Url, Rows.Time(CreatedAt), SharesConfig != 0, Rows.Word<PullRequestRule>(PullRequests));
    }
}
