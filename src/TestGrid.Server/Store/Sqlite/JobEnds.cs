using System.Collections.Immutable;
using Dapper;
using Microsoft.Data.Sqlite;
using TestGrid.Core.Jobs;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>What a told verdict led to.</summary>
/// <param name="IsKnown">True also when this very attempt told it before; false when the job is not the attempt's.</param>
/// <param name="IsAgain">The job waits for another try.</param>
/// <param name="Asked">Running jobs of the build that are to stop because of it (<c>fail_fast</c>).</param>
public sealed record JobFinish(bool IsKnown, bool IsAgain, ImmutableArray<JobId> Asked);

/// <summary>How an attempt's verdict ends its job, or not yet: all of it in one transaction.</summary>
internal static class JobEnds
{
    private static readonly JobFinish NotOurs = new(false, false, []);
    private static readonly JobFinish Told = new(true, false, []);

    public static JobFinish Finish(
        SqliteConnection db,
        JobId job,
        int attempt,
        string token,
        JobVerdict verdict,
        long now
    )
    {
        var key = new
        {
            job.Build,
            job.Cell,
            attempt,
            token,
        };
        var state = db.ExecuteScalar<string?>(
            "SELECT state FROM attempts WHERE build = @Build AND cell = @Cell AND attempt = @attempt AND token = @token",
            key
        );
        if (state is not "running")
            return state is not null && state == verdict.State.Word ? Told : NotOurs;
        if (IsTriedAgain(db, job, verdict))
        {
            if (!Moves.Job(db, job, JobMove.Requeue, null, now))
                return NotOurs;
            Leases.EndAttempt(db, job, attempt, verdict, now);
            return new(true, true, []);
        }
        var move = verdict.State is JobState.Cancelled ? JobMove.Cancel : JobMove.End(verdict.State);
        // A script that ended before its sandbox said that it started still began at the claim.
        db.Execute(
            """
            UPDATE jobs SET started_at = COALESCE(started_at, (SELECT started_at FROM attempts AS a
                WHERE a.build = @Build AND a.cell = @Cell AND a.attempt = @attempt))
            WHERE build = @Build AND cell = @Cell
            """,
            key
        );
        if (!Moves.Job(db, job, move, verdict, now))
            return NotOurs;
        Leases.EndAttempt(db, job, attempt, verdict, now);
        return new(true, false, EndOthers(db, job, verdict, now));
    }

    // Not where somebody has cancelled it, nor where another try cannot be different.
    private static bool IsTriedAgain(SqliteConnection db, JobId job, JobVerdict verdict)
    {
        if (
            verdict.State is not (JobState.Failed or JobState.Errored)
            || verdict.Reason is JobReason.NoBundle or JobReason.NoPlatform or JobReason.Config or JobReason.CommitGone
        )
            return false;
        var (order, wish) = db.QuerySingle<(string, string?)>(
            "SELECT job_order, wish FROM jobs WHERE build = @Build AND cell = @Cell",
            job
        );
        return wish is null
            && Rows.Order(order).Config.Retry is > 0 and var retry
            && db.ExecuteScalar<int>(
                """
                SELECT count(*) FROM attempts
                WHERE build = @Build AND cell = @Cell AND state IN ('failed', 'errored') AND reason <> 'runner-lost'
                """,
                job
            ) < retry;
    }

    private static ImmutableArray<JobId> EndOthers(SqliteConnection db, JobId job, JobVerdict verdict, long now)
    {
        if (verdict.State is not (JobState.Failed or JobState.Errored))
            return [];
        var cells = db.Query<long>(
                """
                SELECT other.cell FROM jobs AS other
                JOIN jobs AS mine ON mine.build = @Build AND mine.cell = @Cell AND NOT mine.allow_failure
                JOIN builds AS b ON b.id = @Build AND b.fail_fast
                WHERE other.build = @Build AND other.finished_at IS NULL ORDER BY other.cell
                """,
                job
            )
            .ToList();
        var sentence = $"cancelled by fail_fast: job {job} {verdict.State.Word}";
        return
        [
            .. cells
                .Select(cell => new JobId(job.Build, (int)cell))
                .Where(other => Leases.Cancel(db, other, sentence, now) is CancelAnswer.Asked),
        ];
    }
}
