using System.Collections.Immutable;
using Dapper;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>Who did what. Rows are added and never changed; of more than <see cref="Most"/> the oldest leave.</summary>
public sealed class AuditStore(SqliteDatabase database, TimeProvider time)
{
    private const int TextMax = 300;

    /// <summary>So many rows are kept.</summary>
    public int Most { get; init; } = 100_000;

    public Task AddAsync(AuditEntry entry, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                var id = db.ExecuteScalar<long>(
                    """
                    INSERT INTO audit (at, who, origin, action, target, outcome)
                    VALUES (@now, @Who, @From, @Action, @Target, @Outcome) RETURNING id
                    """,
                    new
                    {
                        now = time.Now,
                        Who = Short(entry.Who),
                        From = Short(entry.From),
                        Action = Short(entry.Action),
                        Target = Short(entry.Target),
                        Outcome = Short(entry.Outcome),
                    }
                );
                db.Execute("DELETE FROM audit WHERE id <= @gone", new { gone = id - Most });
            },
            stop
        );

    /// <summary>Newest first.</summary>
    /// <param name="before">Only older ones than this id; null for the newest.</param>
    /// <param name="limit">At most so many.</param>
    public ImmutableArray<AuditRecord> List(long? before, int limit)
    {
        using var db = database.Read();
        return
        [
            .. db.Query<(long Id, long At, string Who, string From, string Action, string Target, string Outcome)>(
                    """
                    SELECT id, at, who, origin, action, target, outcome FROM audit
                    WHERE id < @before ORDER BY id DESC LIMIT @limit
                    """,
                    new { before = before ?? long.MaxValue, limit }
                )
                .Select(row => new AuditRecord(
                    row.Id,
                    Rows.Time(row.At),
                    new AuditEntry(row.Who, row.From, row.Action, row.Target, row.Outcome)
                )),
        ];
    }

    private static string Short(string text) => text.Length > TextMax ? text[..TextMax] : text;
}

/// <param name="Who"><c>token ci</c>, <c>a signed-in browser</c>.</param>
/// <param name="From">The address it came from.</param>
/// <param name="Action">A word of the API's parts and what was done: <c>token.create</c>, <c>secret.set</c>, <c>shell.open</c>.</param>
/// <param name="Target">What it was done to: <c>job 42.3</c>.</param>
/// <param name="Outcome"><c>done</c>, or why it was not.</param>
public sealed record AuditEntry(string Who, string From, string Action, string Target, string Outcome);

/// <summary>One thing that somebody did.</summary>
public sealed record AuditRecord(long Id, DateTimeOffset At, AuditEntry Entry);
