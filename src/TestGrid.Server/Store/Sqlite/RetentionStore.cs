using System.Collections.Immutable;
using Dapper;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>Which builds are over and still have their logs, oldest first.</summary>
public sealed class RetentionStore(SqliteDatabase database, TimeProvider time)
{
    // A build may be over before the last of its jobs is (fast_finish): its logs are still written.
    private const string Select = """
        SELECT id FROM builds AS b WHERE logs_gone = 0 AND finished_at IS NOT NULL AND finished_at < @before
        AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.build = b.id AND j.finished_at IS NULL) ORDER BY id LIMIT @most
        """;

    /// <summary>The most builds that one answer names: ask again when they are gone.</summary>
    public int AtOnce { get; init; } = 1000;

    public ImmutableArray<long> WithLogs() => Finished(before: long.MaxValue);

    public ImmutableArray<long> WithLogsEndedBefore(TimeSpan age) => Finished(time.Now - (long)age.TotalMilliseconds);

    public Task LogsGoneAsync(long build, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute("UPDATE builds SET logs_gone = 1 WHERE id = @build", new { build });
            },
            stop
        );

    private ImmutableArray<long> Finished(long before)
    {
        using var db = database.Read();
        return [.. db.Query<long>(Select, new { before, most = AtOnce })];
    }
}
