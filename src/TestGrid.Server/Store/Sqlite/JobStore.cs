using System.Collections.Immutable;
using Dapper;
using Microsoft.Data.Sqlite;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>
/// Jobs from claim to verdict, in statements that refuse a repeat. The recorder alone calls what changes a running
/// job; the scheduler calls <see cref="EnqueuedAsync"/> and <see cref="SayWaitsAsync"/>.
/// </summary>
public sealed class JobStore(SqliteDatabase database, RepositoryStore repositories, TimeProvider time)
{
    /// <summary>Three runners lost in a row: it is not the runners.</summary>
    public const int LostMax = 3;

    /// <summary>The job is on the queue. False when a runner was quicker, or somebody cancelled it.</summary>
    public Task<bool> EnqueuedAsync(JobId job, CancellationToken stop) =>
        database.WriteAsync(db => Moves.Job(db, job, JobMove.Enqueue, null, time.Now), stop);

    /// <summary>Claims the job for a runner with a new attempt, or null when it is over, cancelled, or another's.</summary>
    public Task<Claimed?> ClaimAsync(JobId job, string runner, TimeSpan lease, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                var now = time.Now;
                var token = Hashes.Random();
                var row = db.QuerySingleOrDefault<(long Attempt, long Repository, string Order, string? Bundle)?>(
                    """
                    UPDATE jobs SET state = @to, attempt = attempt + 1, token = @token, runner = @runner, waits_for = NULL,
                                    lease_until = @until, started_at = NULL
                    WHERE build = @Build AND cell = @Cell AND state IN @from
                    RETURNING attempt, repository, job_order, bundle_digest
                    """,
                    new
                    {
                        to = JobMove.Start.To.Word,
                        token,
                        runner,
                        until = now + (long)lease.TotalMilliseconds,
                        job.Build,
                        job.Cell,
                        from = Moves.Words(JobMove.Start),
                    }
                );
                if (row is not { } claimed)
                    return null;
                db.Execute(
                    """
                    INSERT INTO attempts (build, cell, attempt, state, runner, token, started_at)
                    VALUES (@Build, @Cell, @Attempt, 'running', @runner, @token, @now)
                    """,
                    new
                    {
                        job.Build,
                        job.Cell,
                        claimed.Attempt,
                        runner,
                        token,
                        now,
                    }
                );
                Moves.Build(db, job.Build, Core.Builds.BuildMove.Start, null, now);
                var (secrets, credential) = repositories.Claimed(
                    db,
                    claimed.Repository,
                    BuildStore.IsStrangers(db, job.Build)
                );
                var before = claimed.Attempt > 1 ? Before(db, job, claimed.Attempt - 1) : null;
                var order = Rows.Order(claimed.Order);
                return new Claimed(
                    (int)claimed.Attempt,
                    token,
                    secrets,
                    credential,
                    order,
                    before,
                    Rows.Digest(claimed.Bundle),
                    BuildBundles.OfServices(db, order)
                );
            },
            stop
        );

    /// <summary>The wish of a running attempt, or null when the token is not the running attempt's.</summary>
    public JobWish? Wish(JobId job, int attempt, string token)
    {
        using var db = database.Read();
        var row = db.QuerySingleOrDefault<(string? Wish, long)?>(
            """
            SELECT wish, 1 FROM jobs
            WHERE build = @Build AND cell = @Cell AND attempt = @attempt AND token = @token AND state = 'running'
            """,
            new
            {
                job.Build,
                job.Cell,
                attempt,
                token,
            }
        );
        return row is not { } running ? null
            : running.Wish is null ? JobWish.CarryOn
            : JobWish.Stop;
    }

    /// <summary>The lease lasts until then.</summary>
    public Task<bool> RenewAsync(JobId job, string token, TimeSpan lease, CancellationToken stop) =>
        ChangeRunningAsync("lease_until = @value", job, token, time.Now + (long)lease.TotalMilliseconds, stop);

    /// <summary>A running job waits, and for what.</summary>
    public Task<bool> WaitsAsync(JobId job, string token, string waitsFor, CancellationToken stop) =>
        ChangeRunningAsync("waits_for = @value", job, token, waitsFor, stop);

    /// <summary>Its script starts now. What its build runs on; null when the token is not the running attempt's.</summary>
    public Task<BundleDigest?> StartedAsync(JobId job, string token, BundleDigest bundle, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute(
                    """
                    UPDATE jobs SET started_at = COALESCE(started_at, @now), waits_for = NULL
                    WHERE build = @Build AND cell = @Cell AND token = @token
                    """,
                    new
                    {
                        job.Build,
                        job.Cell,
                        token,
                        now = time.Now,
                    }
                );
                return BuildBundles.Decide(db, job, token, null, bundle);
            },
            stop
        );

    /// <summary>
    /// What all jobs of the build on this job's recipe, or on that of its service, run on: this bundle, when none was decided
    /// before. Null when the token is not the running attempt's, or the job has no such service.
    /// </summary>
    public Task<BundleDigest?> DecideBundleAsync(
        JobId job,
        string token,
        string? service,
        BundleDigest mine,
        CancellationToken stop
    ) => database.WriteAsync(db => BuildBundles.Decide(db, job, token, service, mine), stop);

    /// <summary>One phase ended. Saying it twice does no harm.</summary>
    public Task PhaseAsync(JobId job, int attempt, PhaseFinished phase, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute(
                    """
                    INSERT INTO phases (build, cell, attempt, phase, exit_code, took, log_offset, place)
                    SELECT @Build, @Cell, @attempt, @Phase, @ExitCode, @took, @LogOffset, 1 + count(*) FROM phases
                    WHERE build = @Build AND cell = @Cell AND attempt = @attempt
                    ON CONFLICT DO NOTHING
                    """,
                    new
                    {
                        job.Build,
                        job.Cell,
                        attempt,
                        phase.Phase,
                        phase.ExitCode,
                        took = (long)phase.Took.TotalMilliseconds,
                        phase.LogOffset,
                    }
                );
            },
            stop
        );

    /// <inheritdoc cref="CommandRecords.Add"/>
    public Task CommandAsync(JobId job, int attempt, CommandFinished command, CancellationToken stop) =>
        database.WriteAsync(db => CommandRecords.Add(db, job, attempt, command), stop);

    /// <summary>The verdict, and what follows from it: another try, or the end of the build's other jobs.</summary>
    public Task<JobFinish> FinishAsync(
        JobId job,
        int attempt,
        string token,
        JobVerdict verdict,
        CancellationToken stop
    ) => database.WriteAsync(db => JobEnds.Finish(db, job, attempt, token, verdict, time.Now), stop);

    /// <summary>What each waiting job waits for. Returns those whose words changed.</summary>
    public async Task SayWaitsAsync(ImmutableArray<(JobId Job, string WaitsFor)> waits, CancellationToken stop)
    {
        if (waits.IsEmpty)
            return;
        await database.WriteAsync(
            db =>
            {
                db.Execute(
                    "UPDATE jobs SET waits_for = @WaitsFor WHERE build = @Build AND cell = @Cell AND state = 'waiting'",
                    waits.Select(wait => new
                    {
                        wait.WaitsFor,
                        wait.Job.Build,
                        wait.Job.Cell,
                    })
                );
            },
            stop
        );
    }

    /// <summary>How many jobs hold a runner's slot, or soon will: running and queued.</summary>
    public ImmutableArray<(long Repository, long Build, int Count)> Busy()
    {
        using var db = database.Read();
        return
        [
            .. db.Query<(long, long, long)>(
                    """
                    SELECT repository, build, count(*) FROM jobs WHERE state IN ('queued', 'running')
                    GROUP BY repository, build
                    """
                )
                .Select(row => (row.Item1, row.Item2, (int)row.Item3)),
        ];
    }

    /// <summary>Waiting jobs, oldest first.</summary>
    public ImmutableArray<WaitingJob> Waiting(int limit)
    {
        using var db = database.Read();
        return
        [
            .. db.Query<(long Build, long Cell, long Repository, string? WaitsFor, long? Most)>(
                    """
                    SELECT j.build, j.cell, j.repository, j.waits_for, b.max_parallel
                    FROM jobs j JOIN builds b ON b.id = j.build
                    WHERE j.state = 'waiting' ORDER BY j.build, j.cell LIMIT @limit
                    """,
                    new { limit }
                )
                .Select(row => new WaitingJob(
                    new JobId(row.Build, (int)row.Cell),
                    row.Repository,
                    row.WaitsFor,
                    (int?)row.Most
                )),
        ];
    }

    public JobOrder Order(JobId job)
    {
        using var db = database.Read();
        return Rows.Order(
            db.QuerySingle<string>("SELECT job_order FROM jobs WHERE build = @Build AND cell = @Cell", job)
        );
    }

    // For the log of the attempt after it: whoever reads that wonders where the first one is.
    private static string? Before(SqliteConnection db, JobId job, long attempt) =>
        db.ExecuteScalar<string?>(
            """
            SELECT 'attempt ' || attempt || ' on ' || runner
                   || CASE reason WHEN 'runner-lost' THEN ' did not end: ' ELSE ' ' || state || ': ' END || sentence
            FROM attempts
            WHERE build = @Build AND cell = @Cell AND attempt = @attempt
            """,
            new
            {
                job.Build,
                job.Cell,
                attempt,
            }
        );

    private Task<bool> ChangeRunningAsync(
        string change,
        JobId job,
        string token,
        object value,
        CancellationToken stop
    ) =>
        database.WriteAsync(
            db =>
                db.Execute(
                    $"UPDATE jobs SET {change} WHERE build = @Build AND cell = @Cell AND token = @token",
                    new
                    {
                        job.Build,
                        job.Cell,
                        token,
                        value,
                    }
                ) == 1,
            stop
        );
}
