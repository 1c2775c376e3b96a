using System.Collections.Immutable;
using System.Text.Json;
using Dapper;
using Microsoft.Data.Sqlite;
using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>Builds and jobs as lists and pages show them.</summary>
public sealed class BuildViews(SqliteDatabase database, LogFiles logs)
{
    /// <summary>Builds, newest first.</summary>
    /// <param name="repository"><c>owner/name</c>, or null for all.</param>
    /// <param name="before">Only builds older than this id, or null.</param>
    /// <param name="limit">At most this many.</param>
    public BuildList List(string? repository, long? before, int limit)
    {
        using var db = database.Read();
        var builds = Summaries(
            db,
            """
            WHERE (@repository IS NULL OR r.slug = @repository) AND (@before IS NULL OR b.id < @before)
            ORDER BY b.id DESC LIMIT @limit
            """,
            new
            {
                repository,
                before,
                limit = limit + 1,
            }
        );
        // One more than asked for tells whether there is a next page.
        return builds.Length <= limit
            ? new BuildList(builds, null)
            : new BuildList(builds[..limit], builds[limit - 1].Id);
    }

    /// <summary>The builds of a repository that are not over.</summary>
    public ImmutableArray<long> Unfinished(long repository)
    {
        using var db = database.Read();
        return
        [
            .. db.Query<long>(
                "SELECT id FROM builds WHERE repository = @repository AND finished_at IS NULL ORDER BY id",
                new { repository }
            ),
        ];
    }

    public BuildDetail? Build(long id)
    {
        using var db = database.Read();
        // One transaction: the build and its jobs are of the same moment.
        using var moment = db.BeginTransaction(deferred: true);
        if (Summaries(db, "WHERE b.id = @id", new { id }) is not [var build])
            return null;
        var row = db.QuerySingle<(string? File, string Axes, string Problems)>(
            "SELECT config_file, axes, problems FROM builds WHERE id = @id",
            new { id }
        );
        var jobs = db.Query<JobRow>($"{SelectJob} WHERE build = @id ORDER BY cell", new { id });
        return new BuildDetail(
            build,
            row.File,
            JsonSerializer.Deserialize(row.Problems, StoreJson.Default.ImmutableArrayConfigProblem),
            JsonSerializer.Deserialize(row.Axes, StoreJson.Default.ImmutableArrayString),
            [.. jobs.Select(job => job.Summary)]
        );
    }

    public JobDetail? Job(JobId id)
    {
        using var db = database.Read();
        using var moment = db.BeginTransaction(deferred: true);
        var job = db.QuerySingleOrDefault<JobRow>($"{SelectJob} WHERE build = @Build AND cell = @Cell", id)?.Summary;
        if (job is null || Summaries(db, "WHERE b.id = @Build", id) is not [var build])
            return null;
        var key = new
        {
            id.Build,
            id.Cell,
            job.Attempt,
        };
        var phases = db.Query<(string Phase, long Exit, long Took, long Offset)>(
            """
            SELECT phase, exit_code, took, log_offset FROM phases
            WHERE build = @Build AND cell = @Cell AND attempt = @Attempt ORDER BY place
            """,
            key
        );
        var attempts = db.Query<AttemptRow>(
            $"{SelectAttempt} WHERE build = @Build AND cell = @Cell ORDER BY attempt",
            key
        );
        return new JobDetail(
            job,
            build,
            [.. phases.Select(row => new PhaseRecord(row.Phase, (int)row.Exit, row.Took / 1000.0, row.Offset))],
            CommandRecords.Of(db, id, job.Attempt),
            [.. attempts.Select(row => row.Record(logs.Length(id, (int)row.Attempt)))],
            job.Attempt == 0 ? 0 : logs.Length(id, job.Attempt)
        );
    }

    /// <summary>Which attempt a log reader means, and whether it still writes; null when there is no such job.</summary>
    /// <param name="id">The job.</param>
    /// <param name="attempt">From 1, or 0 for the newest there is.</param>
    public LogPlace? Log(JobId id, int attempt)
    {
        using var db = database.Read();
        var job = db.QuerySingleOrDefault<(string State, long Attempt, bool Gone)?>(
            """
            SELECT j.state, j.attempt, b.logs_gone FROM jobs AS j JOIN builds AS b ON b.id = j.build
            WHERE j.build = @Build AND j.cell = @Cell
            """,
            id
        );
        if (job is not { } known)
            return null;
        var asked = attempt == 0 ? (int)known.Attempt : attempt;
        var state = Rows.Word<JobState>(known.State);
        var begun = asked > 0 && asked <= known.Attempt;
        var over = state.IsFinal || (begun && (asked < known.Attempt || state is not JobState.Running));
        return new LogPlace(asked, over, known.Gone);
    }

    private static ImmutableArray<BuildSummary> Summaries(SqliteConnection db, string where, object parameters)
    {
        var rows = db.Query<BuildRow>($"{SelectBuild} {where}", parameters).ToList();
        var counts = db.Query<(long Build, string State, long Count)>(
                "SELECT build, state, count(*) FROM jobs WHERE build IN @builds GROUP BY build, state",
                new { builds = rows.Select(row => row.Id) }
            )
            .ToLookup(row => row.Build);
        return
        [
            .. rows.Select(row =>
                row.Summary(
                    counts[row.Id]
                        .ToImmutableSortedDictionary(one => one.State, one => (int)one.Count, StringComparer.Ordinal)
                )
            ),
        ];
    }

    private const string SelectBuild = """
        SELECT b.id AS Id, b.number AS Number, b.repository AS RepositoryId, r.slug AS Slug, b.state AS State,
               b.reason AS Reason, b.sentence AS Sentence, b.trigger AS Kind, b.pull_request AS PullRequest, b.ref AS Ref,
               b.sha AS Sha,
               b.message AS Message, b.author AS Author, b.created_at AS CreatedAt, b.started_at AS StartedAt,
               b.finished_at AS FinishedAt
        FROM builds b JOIN repositories r ON r.id = b.repository
        """;

    private const string SelectJob = """
        SELECT build AS Build, cell AS Cell, cell_values AS CellValues, name AS Name, state AS State, reason AS Reason,
               sentence AS Sentence, allow_failure AS AllowFailure, attempt AS Attempt, waits_for AS WaitsFor,
               runner AS Runner, bundle AS Bundle, bundle_digest AS BundleDigest, exit_code AS ExitCode,
               peak_memory AS PeakMemory, cpu_time AS CpuTime, disk AS Disk, started_at AS StartedAt, finished_at AS FinishedAt
        FROM jobs
        """;

    private const string SelectAttempt = """
        SELECT attempt AS Attempt, state AS State, reason AS Reason, sentence AS Sentence, runner AS Runner,
               started_at AS StartedAt, finished_at AS FinishedAt
        FROM attempts
        """;

    private sealed record BuildRow(
        long Id,
        long Number,
        long RepositoryId,
        string Slug,
        string State,
        string? Reason,
        string? Sentence,
        string Kind,
        string? PullRequest,
        string Ref,
        string Sha,
        string Message,
        string Author,
        long CreatedAt,
        long? StartedAt,
        long? FinishedAt
    )
    {
        public BuildSummary Summary(ImmutableSortedDictionary<string, int> jobCounts)
        {
            var commit = new CommitRef(Sha, Ref, Message, Author);
            return new(
                Id,
                Number,
                RepositoryId,
                Slug,
                Rows.Word<BuildState>(State),
                Reason,
                Sentence,
                Rows.Word<TriggerKind>(Kind),
                BuildStore.Pull(PullRequest) is { } pull
                    ? new PullSummary(pull.Number, pull.BaseBranch, pull.HeadBranch, pull.HeadSlug, pull.IsFork)
                    : null,
                commit.Branch,
                commit.Tag,
                Sha,
                commit.Title,
                Author,
                Rows.Time(CreatedAt),
                Rows.Time(StartedAt),
                Rows.Time(FinishedAt),
                jobCounts
            );
        }
    }

    private sealed record JobRow(
        long Build,
        long Cell,
        string CellValues,
        string? Name,
        string State,
        string? Reason,
        string? Sentence,
        long AllowFailure,
        long Attempt,
        string? WaitsFor,
        string? Runner,
        string Bundle,
        string? BundleDigest,
        long? ExitCode,
        long? PeakMemory,
        long? CpuTime,
        long? Disk,
        long? StartedAt,
        long? FinishedAt
    )
    {
        public JobSummary Summary =>
            new(
                new JobId(Build, (int)Cell),
                (int)Cell,
                JsonSerializer.Deserialize(CellValues, StoreJson.Default.ImmutableArrayAxisValue),
                Name,
                Rows.Word<JobState>(State),
                Reason,
                Sentence,
                AllowFailure != 0,
                (int)Attempt,
                WaitsFor ?? Waits(State),
                Runner,
                Bundle,
                BundleDigest,
                (int?)ExitCode,
                JobUse.Of(PeakMemory, CpuTime / 1000.0, Disk),
                Rows.Time(StartedAt),
                Rows.Time(FinishedAt)
            );

        // Where nobody has said it in particular: jobs far behind the head of the line, and those that are on the queue.
        private static string? Waits(string state) =>
            state switch
            {
                "waiting" => "its turn",
                "queued" => "a runner that takes it from the queue",
                _ => null,
            };
    }

    private sealed record AttemptRow(
        long Attempt,
        string State,
        string? Reason,
        string? Sentence,
        string Runner,
        long StartedAt,
        long? FinishedAt
    )
    {
        public AttemptRecord Record(long logBytes) =>
            new(
                (int)Attempt,
                Rows.Word<JobState>(State),
                Reason,
                Sentence,
                Runner,
                Rows.Time(StartedAt),
                Rows.Time(FinishedAt),
                logBytes
            );
    }
}
