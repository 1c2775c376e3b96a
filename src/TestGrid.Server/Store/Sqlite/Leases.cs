using System.Collections.Immutable;
using Dapper;
using Microsoft.Data.Sqlite;
using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>How a running job is taken from its runner: lost, given back, or cancelled.</summary>
public sealed class Leases(SqliteDatabase database, LeaseOptions options, TimeProvider time)
{
    /// <summary>How long a lease lasts without a heartbeat.</summary>
    public TimeSpan Time => options.Time;

    /// <summary>Ends a waiting job at once and asks a running one to stop.</summary>
    public Task<CancelAnswer> CancelAsync(JobId job, string sentence, CancellationToken stop) =>
        database.WriteAsync(db => Cancel(db, job, sentence, time.Now), stop);

    /// <summary>The same for every job of a build, and for a build that has none yet.</summary>
    public Task<(CancelAnswer Answer, ImmutableArray<JobId> Asked)> CancelBuildAsync(
        long build,
        string sentence,
        CancellationToken stop
    ) =>
        database.WriteAsync(
            db =>
            {
                var state = db.ExecuteScalar<string?>("SELECT state FROM builds WHERE id = @build", new { build });
                if (state is null)
                    return (CancelAnswer.Unknown, []);
                var answers = db.Query<long>("SELECT cell FROM jobs WHERE build = @build ORDER BY cell", new { build })
                    .Select(cell => new JobId(build, (int)cell))
                    .Select(job => (Job: job, Answer: Cancel(db, job, sentence, time.Now)))
                    .ToImmutableArray();
                var asked = answers.Where(one => one.Answer is CancelAnswer.Asked).Select(one => one.Job);
                if (answers.IsEmpty && state == BuildState.Waiting.Word)
                {
                    var verdict = new BuildVerdict(BuildState.Cancelled, JobReason.Cancelled, sentence);
                    Moves.Build(db, build, BuildMove.End(BuildState.Cancelled), verdict, time.Now);
                    return (CancelAnswer.Cancelled, []);
                }
                var answer = answers.Select(one => one.Answer).DefaultIfEmpty(CancelAnswer.Over).Min();
                return (answer, asked.ToImmutableArray());
            },
            stop
        );

    /// <summary>
    /// Takes an attempt from its runner, unless it is over: the job waits for another one, or ends when somebody
    /// cancelled it, or when <paramref name="lost"/> and it was the third.
    /// </summary>
    public Task<bool> ReturnAsync(
        JobId job,
        int attempt,
        string token,
        string why,
        bool lost,
        CancellationToken stop
    ) => database.WriteAsync(db => Return(db, new Held(job.Build, job.Cell, attempt, token), why, lost), stop);

    /// <summary>The same for all that a runner holds.</summary>
    public Task<ImmutableArray<JobId>> ReturnAllAsync(string runner, string why, CancellationToken stop) =>
        database.WriteAsync(db => ReturnEach(db, "runner = @runner AND state = 'running'", new { runner }, why), stop);

    /// <summary>The same for every lease that has run out.</summary>
    public Task<ImmutableArray<JobId>> ReturnExpiredAsync(CancellationToken stop) =>
        database.WriteAsync(
            db =>
                ReturnEach(
                    db,
                    "state = 'running' AND lease_until < @now",
                    new { now = time.Now },
                    "its runner was not heard from"
                ),
            stop
        );

    /// <summary>Is there a lease that has run out? Cheap: asked every few seconds.</summary>
    public bool AnyExpired()
    {
        using var db = database.Read();
        return db.ExecuteScalar<bool>(
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'running' AND lease_until < @now)",
            new { now = time.Now }
        );
    }

    /// <summary>The server was away, which is no runner's fault: each lease lasts at least this long from now.</summary>
    public Task ExtendAllAsync(CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute(
                    "UPDATE jobs SET lease_until = max(lease_until, @until) WHERE state = 'running'",
                    new { until = time.Now + (long)options.Time.TotalMilliseconds }
                );
            },
            stop
        );

    /// <summary>Jobs that say queued and are on no queue (a crash, a queue made anew) wait again.</summary>
    public async Task<ImmutableArray<JobId>> RequeueStrayAsync(CancellationToken stop)
    {
        using (var db = database.Read())
        {
            if (Strays(db).IsEmpty)
                return []; // asked every few seconds: an idle server leaves the disk alone
        }
        return await database.WriteAsync(
            db =>
            {
                var strays = Strays(db);
                foreach (var job in strays)
                    Moves.Job(db, job, JobMove.Requeue, null, time.Now);
                return strays;
            },
            stop
        );
    }

    /// <summary>Jobs that say queued.</summary>
    public ImmutableArray<JobId> Queued()
    {
        using var db = database.Read();
        return
        [
            .. db.Query<(long Build, long Cell)>("SELECT build, cell FROM jobs WHERE state = 'queued'")
                .Select(row => new JobId(row.Build, (int)row.Cell)),
        ];
    }

    /// <summary>These jobs wait again, unless a runner has claimed them meanwhile.</summary>
    public Task RequeueAsync(ImmutableArray<JobId> queued, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                foreach (var job in queued)
                {
                    // The move itself would take a running job from its runner.
                    var state = db.ExecuteScalar<string?>(
                        "SELECT state FROM jobs WHERE build = @Build AND cell = @Cell",
                        job
                    );
                    if (state == JobState.Queued.Word)
                        Moves.Job(db, job, JobMove.Requeue, null, time.Now);
                }
            },
            stop
        );

    internal static void EndAttempt(SqliteConnection db, JobId job, int attempt, JobVerdict verdict, long now) =>
        db.Execute(
            """
            UPDATE attempts SET state = @state, reason = @Reason, sentence = @Sentence, finished_at = @now
            WHERE build = @Build AND cell = @Cell AND attempt = @attempt AND state = 'running'
            """,
            new
            {
                state = verdict.State.Word,
                verdict.Reason,
                verdict.Sentence,
                now,
                job.Build,
                job.Cell,
                attempt,
            }
        );

    private static ImmutableArray<JobId> Strays(SqliteConnection db) =>
        [
            .. db.Query<(long Build, long Cell)>(
                    """
                    SELECT build, cell FROM jobs AS j WHERE state = 'queued'
                    AND NOT EXISTS (SELECT 1 FROM queue AS q WHERE q.build = j.build AND q.cell = j.cell)
                    """
                )
                .Select(row => new JobId(row.Build, (int)row.Cell)),
        ];

    internal static CancelAnswer Cancel(SqliteConnection db, JobId job, string sentence, long now)
    {
        var state = db.ExecuteScalar<string?>("SELECT state FROM jobs WHERE build = @Build AND cell = @Cell", job);
        if (state is null)
            return CancelAnswer.Unknown;
        if (Rows.Word<JobState>(state).IsFinal)
            return CancelAnswer.Over;
        if (Rows.Word<JobState>(state) is JobState.Running)
        {
            db.Execute("UPDATE jobs SET wish = 'stop' WHERE build = @Build AND cell = @Cell", job);
            return CancelAnswer.Asked;
        }
        var verdict = new JobVerdict(JobState.Cancelled, JobReason.Cancelled, sentence);
        Moves.Job(db, job, JobMove.Cancel, verdict, now);
        return CancelAnswer.Cancelled;
    }

    private ImmutableArray<JobId> ReturnEach(SqliteConnection db, string where, object parameters, string why)
    {
        var held = db.Query<Held>(
                $"SELECT build AS Build, cell AS Cell, attempt AS Attempt, token AS Token FROM jobs WHERE {where}",
                parameters
            )
            .ToImmutableArray();
        foreach (var one in held)
            Return(db, one, why, lost: true);
        return [.. held.Select(one => one.Job)];
    }

    private bool Return(SqliteConnection db, Held held, string why, bool lost)
    {
        var now = time.Now;
        var row = db.QuerySingleOrDefault<(long Lost, string? Wish)?>(
            """
            UPDATE jobs SET lost = lost + @more
            WHERE build = @Build AND cell = @Cell AND attempt = @Attempt AND token = @Token AND state = 'running'
            RETURNING lost, wish
            """,
            new
            {
                more = lost ? 1 : 0,
                held.Build,
                held.Cell,
                held.Attempt,
                held.Token,
            }
        );
        if (row is not { } job)
            return false;
        var ended = new JobVerdict(JobState.Errored, JobReason.RunnerLost, why);
        EndAttempt(db, held.Job, (int)held.Attempt, ended, now);
        if (job.Wish is not null)
        {
            var cancelled = new JobVerdict(JobState.Cancelled, JobReason.Cancelled, $"cancelled, and {why}");
            return Moves.Job(db, held.Job, JobMove.Cancel, cancelled, now);
        }
        if (job.Lost >= JobStore.LostMax)
        {
            var sentence = $"{why}, {job.Lost} attempts long: look at what the job does to its machine";
            return Moves.Job(db, held.Job, JobMove.End(JobState.Errored), ended with { Sentence = sentence }, now);
        }
        return Moves.Job(db, held.Job, JobMove.Requeue, null, now);
    }

    private sealed record Held(long Build, long Cell, long Attempt, string Token)
    {
        public JobId Job => new(Build, (int)Cell);
    }
}

/// <summary>What became of a wish to cancel; a build answers with the first of these that is true of a job.</summary>
public enum CancelAnswer
{
    /// <summary>Its runner will be told with its next report.</summary>
    Asked,

    /// <summary>It is cancelled.</summary>
    Cancelled,

    /// <summary>It had ended before.</summary>
    Over,

    /// <summary>There is no such thing.</summary>
    Unknown,
}
