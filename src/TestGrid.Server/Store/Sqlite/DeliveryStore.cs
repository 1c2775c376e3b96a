using System.Collections.Immutable;
using Dapper;
using Microsoft.Data.Sqlite;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>Deliveries, and the builds that accepted ones start.</summary>
public sealed class DeliveryStore(SqliteDatabase database, TimeProvider time)
{
    /// <summary>
    /// One build per push: the same delivery again, or another delivery of the same event, ref, before and after, gives
    /// the build that is there. Returns when both are on the disk.
    /// </summary>
    public Task<BuildReceipt> AcceptAsync(Delivery delivery, BuildRequest request, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                var known = db.ExecuteScalar<long?>(
                    """
                    SELECT build FROM deliveries
                    WHERE repository = @Repository AND host = @Host AND delivery_id = @DeliveryId AND outcome = 'accepted'
                    UNION ALL
                    SELECT id FROM builds WHERE repository = @Repository AND dedupe = @Dedupe
                    LIMIT 1
                    """,
                    new
                    {
                        delivery.Repository,
                        delivery.Host,
                        delivery.DeliveryId,
                        request.Dedupe,
                    }
                );
                if (known is { } earlier)
                {
                    Insert(
                        db,
                        delivery,
                        DeliveryOutcome.Duplicate,
                        $"build {earlier} was started for it before",
                        earlier
                    );
                    return new BuildReceipt(earlier, IsNew: false);
                }
                var build = BuildStore.Insert(db, request, time.Now);
                Insert(db, delivery, DeliveryOutcome.Accepted, $"started build {build}", build);
                return new BuildReceipt(build, IsNew: true);
            },
            stop
        );

    /// <summary>Keeps a delivery that starts no build, and why.</summary>
    public Task<DeliveryRecord> AddAsync(Delivery delivery, string outcome, string why, CancellationToken stop) =>
        database.WriteAsync(db => Insert(db, delivery, outcome, why, null), stop);

    /// <summary>
    /// A branch was deleted: the same push after that is a new one, though event, ref, before and after are those of an
    /// earlier build (a branch made again at the same commit).
    /// </summary>
    public Task ForgetPushesAsync(long repository, string deletedRef, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute(
                    "UPDATE builds SET dedupe = NULL WHERE repository = @repository AND ref = @deletedRef",
                    new { repository, deletedRef }
                );
            },
            stop
        );

    /// <summary>The newest first.</summary>
    public ImmutableArray<DeliveryRecord> List(long repository, int limit)
    {
        using var db = database.Read();
        return
        [
            .. db.Query<Row>(
                    """
                    SELECT id AS Id, host AS Host, delivery_id AS DeliveryId, event AS Event, received_at AS ReceivedAt,
                           outcome AS Outcome, why AS Why, build AS Build
                    FROM deliveries WHERE repository = @repository ORDER BY id DESC LIMIT @limit
                    """,
                    new { repository, limit }
                )
                .Select(row => row.Record),
        ];
    }

    /// <summary>Bounds what is kept: by age, and by number for each repository. The builds' own keys go on deduping.</summary>
    public Task TrimAsync(TimeSpan age, int perRepository, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute(
                    """
                    DELETE FROM deliveries WHERE received_at < @oldest;
                    DELETE FROM deliveries WHERE id IN (
                        SELECT id FROM (
                            SELECT id, row_number() OVER (PARTITION BY repository ORDER BY id DESC) AS place FROM deliveries
                        ) WHERE place > @perRepository
                    )
                    """,
                    new { oldest = time.Now - (long)age.TotalMilliseconds, perRepository }
                );
            },
            stop
        );

    private DeliveryRecord Insert(SqliteConnection db, Delivery delivery, string outcome, string why, long? build)
    {
        var now = time.Now;
        var id = db.ExecuteScalar<long>(
            """
            INSERT INTO deliveries (repository, host, delivery_id, event, body_sha256, received_at, outcome, why, build)
            VALUES (@Repository, @Host, @DeliveryId, @Event, @BodySha256, @now, @outcome, @why, @build) RETURNING id
            """,
            new
            {
                delivery.Repository,
                delivery.Host,
                delivery.DeliveryId,
                delivery.Event,
                delivery.BodySha256,
                now,
                outcome,
                why,
                build,
            }
        );
        return new(id, delivery.Host, delivery.DeliveryId, delivery.Event, Rows.Time(now), outcome, why, build);
    }

    private sealed record Row(
        long Id,
        string Host,
        string DeliveryId,
        string Event,
        long ReceivedAt,
        string Outcome,
        string Why,
        long? Build
    )
    {
        public DeliveryRecord Record => new(Id, Host, DeliveryId, Event, Rows.Time(ReceivedAt), Outcome, Why, Build);
    }
}
