using System.Collections.Immutable;
using System.Text.Json;
using Dapper;
using Microsoft.Data.Sqlite;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>How values stand in columns.</summary>
internal static class Rows
{
    extension(TimeProvider time)
    {
        /// <summary>Milliseconds since 1970.</summary>
        public long Now => time.GetUtcNow().ToUnixTimeMilliseconds();
    }

    public static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    public static DateTimeOffset? Time(long? milliseconds) => milliseconds is { } known ? Time(known) : null;

    public static T Word<T>(string word)
        where T : struct, Enum => Enum.Parse<T>(word, ignoreCase: true);

    public static BundleDigest? Digest(string? text) => text is null ? null : BundleDigest.Parse(text, null);

    public static JobOrder Order(string json) => JsonSerializer.Deserialize(json, StoreJson.Default.JobOrder)!;

    public static string Json(JobOrder order) => JsonSerializer.Serialize(order, StoreJson.Default.JobOrder);
}

/// <summary>The only statements that change a state. Each says from where, so that of two racing moves one is refused.</summary>
internal static class Moves
{
    /// <summary>Moves a job, and its build when that decides it. False when it was not in one of the move's states.</summary>
    public static bool Job(SqliteConnection db, JobId job, JobMove move, JobVerdict? verdict, long now)
    {
        var final = move.To.IsFinal;
        var moved = db.Execute(
            """
            UPDATE jobs SET state = @to, reason = @Reason, sentence = @Sentence, exit_code = @ExitCode, waits_for = NULL,
                            peak_memory = @PeakMemoryBytes, cpu_time = @cpu, disk = @DiskBytes,
                            token = NULL, lease_until = NULL, finished_at = @finished,
                            started_at = CASE WHEN @final THEN started_at END
            WHERE build = @Build AND cell = @Cell AND state IN @from
            """,
            new
            {
                to = move.To.Word,
                verdict?.Reason,
                verdict?.Sentence,
                verdict?.ExitCode,
                verdict?.Use?.PeakMemoryBytes,
                cpu = (long?)(verdict?.Use?.CpuSeconds * 1000),
                verdict?.Use?.DiskBytes,
                finished = final ? now : (long?)null,
                final,
                job.Build,
                job.Cell,
                from = Words(move),
            }
        );
        if (moved == 1 && final)
            Settle(db, job.Build, now);
        return moved == 1;
    }

    /// <summary>Moves a build. False when it was not in one of the move's states.</summary>
    public static bool Build(SqliteConnection db, long build, BuildMove move, BuildVerdict? verdict, long now) =>
        db.Execute(
            """
            UPDATE builds SET state = @to, reason = @Reason, sentence = @Sentence,
                              started_at = CASE WHEN @final THEN started_at ELSE @now END,
                              finished_at = CASE WHEN @final THEN @now END
            WHERE id = @build AND state IN @from
            """,
            new
            {
                to = move.To.Word,
                verdict?.Reason,
                verdict?.Sentence,
                final = move.To.IsFinal,
                now,
                build,
                from = move.From.Select(state => state.Word),
            }
        ) == 1;

    /// <summary>Ends a build when its jobs have decided it.</summary>
    public static void Settle(SqliteConnection db, long build, long now)
    {
        var (fastFinish, failFast) = db.QuerySingle<(bool, bool)>(
            "SELECT fast_finish, fail_fast FROM builds WHERE id = @build",
            new { build }
        );
        var jobs = db.Query<(string State, bool Allow)>(
                "SELECT state, allow_failure FROM jobs WHERE build = @build",
                new { build }
            )
            .Select(row => (Rows.Word<JobState>(row.State), row.Allow))
            .ToImmutableArray();
        if (BuildVerdict.Of(jobs, fastFinish, failFast) is { } verdict)
            Build(db, build, BuildMove.End(verdict.State), verdict, now);
    }

    public static IEnumerable<string> Words(JobMove move) => move.From.Select(state => state.Word);
}
