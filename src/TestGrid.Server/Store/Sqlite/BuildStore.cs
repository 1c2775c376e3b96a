using System.Collections.Immutable;
using System.Text.Json;
using Dapper;
using Microsoft.Data.Sqlite;
using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>Builds from their first row to their plan. How jobs change afterwards is <see cref="JobStore"/>'s.</summary>
public sealed class BuildStore(SqliteDatabase database, TimeProvider time)
{
    private const int MessageMax = 16 << 10; // characters; a commit's message may be megabytes
    private const int AuthorMax = 256;

    /// <summary>Stores a build that a person asked for.</summary>
    public Task<long> AddAsync(BuildRequest request, CancellationToken stop) =>
        database.WriteAsync(db => Insert(db, request, time.Now), stop);

    /// <summary>Stores a build of the same commit; null when there is no such build or cell, or its repository is gone.</summary>
    public Task<long?> RerunAsync(long build, int? onlyCell, CancellationToken stop) =>
        database.WriteAsync<long?>(
            db =>
            {
                var row = db.QuerySingleOrDefault<Row>($"{Select} WHERE b.id = @build", new { build });
                if (row is null || (onlyCell is { } cell && !HasCell(db, build, cell)))
                    return null;
                var request = new BuildRequest(
                    row.Repository,
                    row.Trigger with
                    {
                        Kind = TriggerKind.Rerun,
                    },
                    OnlyCell: onlyCell ?? (int?)row.OnlyCell
                );
                return Insert(db, request, time.Now);
            },
            stop
        );

    /// <summary>The oldest build without a plan whose repository is none of <paramref name="busy"/>.</summary>
    public UnplannedBuild? NextUnplanned(IReadOnlyCollection<long> busy)
    {
        using var db = database.Read();
        return db.QueryFirstOrDefault<Row>(
            $"""
            {Select}
            WHERE b.planned_at IS NULL AND b.state = 'waiting' AND b.plan_after <= @now AND b.repository NOT IN @busy
            ORDER BY b.id LIMIT 1
            """,
            new { now = time.Now, busy }
        )?.Unplanned;
    }

    /// <summary>Keeps the plan. Doing it again changes nothing; a build cancelled meanwhile gets no job.</summary>
    public Task<bool> PlanAsync(long build, BuildPlan plan, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                var now = time.Now;
                if (!MarkPlanned(db, build, plan, now))
                    return false;
                foreach (var order in plan.Orders)
                    InsertJob(db, order, now);
                foreach (var (recipe, digest) in plan.Bundles ?? [])
                    BuildBundles.Set(db, build, recipe, digest.ToString());
                // Only when all are there: each move asks whether the jobs have decided the build.
                foreach (var order in plan.Orders)
                {
                    if (order.Config.Impossible is not { } impossible)
                        continue;
                    var verdict = new JobVerdict(JobState.Errored, impossible.Reason, impossible.Sentence);
                    Moves.Job(db, order.Id, JobMove.Fail, verdict, now);
                }
                return true;
            },
            stop
        );

    /// <summary>Ends a build that has no job: its configuration, its commit, or its branch says so.</summary>
    public Task<bool> EndUnplannedAsync(
        long build,
        BuildVerdict verdict,
        string? configFile,
        ImmutableArray<ConfigProblem> problems,
        CancellationToken stop
    ) =>
        database.WriteAsync(
            db =>
            {
                db.Execute(
                    """
                    UPDATE builds SET config_file = @configFile, problems = @problems
                    WHERE id = @build AND planned_at IS NULL AND state = 'waiting'
                    """,
                    new
                    {
                        build,
                        configFile,
                        problems = Json(problems),
                    }
                );
                return db.ExecuteScalar<bool>(
                        "SELECT planned_at IS NULL AND state = 'waiting' FROM builds WHERE id = @build",
                        new { build }
                    ) && Moves.Build(db, build, BuildMove.End(verdict.State), verdict, time.Now);
            },
            stop
        );

    /// <summary>Its repository cannot be fetched just now: it is planned again after a while, and says why meanwhile.</summary>
    public Task PostponeAsync(long build, TimeSpan wait, string why, CancellationToken stop) =>
        database.WriteAsync(
            db =>
            {
                db.Execute(
                    """
                    UPDATE builds SET plan_tries = plan_tries + 1, plan_after = @after, sentence = @why
                    WHERE id = @build AND planned_at IS NULL AND state = 'waiting'
                    """,
                    new
                    {
                        build,
                        why,
                        after = time.Now + (long)wait.TotalMilliseconds,
                    }
                );
            },
            stop
        );

    /// <summary>The next build of its repository, waiting.</summary>
    internal static long Insert(SqliteConnection db, BuildRequest request, long now)
    {
        var commit = request.Trigger.Commit;
        var number = db.ExecuteScalar<long>(
            "UPDATE repositories SET build_count = build_count + 1 WHERE id = @Repository RETURNING build_count",
            new { request.Repository }
        );
        return db.ExecuteScalar<long>(
            """
            INSERT INTO builds (repository, number, trigger, ref, sha, before, message, author, compare_url, dedupe,
                                pull_request, only_cell, created_at)
            VALUES (@Repository, @number, @trigger, @Ref, @Sha, @Before, @message, @author, @CompareUrl, @Dedupe,
                    @pull, @OnlyCell, @now)
            RETURNING id
            """,
            new
            {
                request.Repository,
                number,
                trigger = Word(request.Trigger.Kind),
                commit.Ref,
                commit.Sha,
                commit.Before,
                message = Cut(commit.Message, MessageMax),
                author = Cut(commit.Author, AuthorMax),
                request.Trigger.CompareUrl,
                request.Dedupe,
                pull = request.Trigger.PullRequest is { } pull
                    ? JsonSerializer.Serialize(pull, StoreJson.Default.PullRequest)
                    : null,
                request.OnlyCell,
                now,
            }
        );
    }

    /// <summary>Is this build of a pull request from a fork?</summary>
    internal static bool IsStrangers(SqliteConnection db, long build) =>
        Pull(db.ExecuteScalar<string?>("SELECT pull_request FROM builds WHERE id = @build", new { build }))
            is { IsFork: true };

    internal static PullRequest? Pull(string? json) =>
        json is null ? null : JsonSerializer.Deserialize(json, StoreJson.Default.PullRequest);

    private static bool MarkPlanned(SqliteConnection db, long build, BuildPlan plan, long now) =>
        db.Execute(
            """
            UPDATE builds SET planned_at = @now, ref = @Ref, sha = @Sha, message = @message, author = @author, config_file = @ConfigFile,
                              axes = @axes, problems = @problems, fast_finish = @FastFinish, fail_fast = @FailFast,
                              max_parallel = @MaxParallel, sentence = NULL
            WHERE id = @build AND planned_at IS NULL AND state = 'waiting'
            """,
            new
            {
                build,
                now,
                plan.Commit.Ref,
                plan.Commit.Sha,
                message = Cut(plan.Commit.Message, MessageMax),
                author = Cut(plan.Commit.Author, AuthorMax),
                plan.ConfigFile,
                axes = JsonSerializer.Serialize(plan.Axes, StoreJson.Default.ImmutableArrayString),
                problems = Json(plan.Problems),
                plan.FastFinish,
                plan.FailFast,
                plan.MaxParallel,
            }
        ) == 1;

    private static void InsertJob(SqliteConnection db, JobOrder order, long now) =>
        db.Execute(
            """
            INSERT INTO jobs (build, cell, repository, job_order, name, cell_values, allow_failure, bundle, created_at)
            VALUES (@Build, @Cell, @repository, @order, @Name, @values, @AllowFailure, @Bundle, @now)
            ON CONFLICT DO NOTHING
            """,
            new
            {
                order.Id.Build,
                order.Id.Cell,
                repository = order.Repository.Id,
                order = Rows.Json(order),
                order.Config.Name,
                values = JsonSerializer.Serialize(order.Config.Cell.Values, StoreJson.Default.ImmutableArrayAxisValue),
                order.Config.AllowFailure,
                order.Config.Bundle,
                now,
            }
        );

    private static bool HasCell(SqliteConnection db, long build, int cell) =>
        db.ExecuteScalar<bool>(
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE build = @build AND cell = @cell)",
            new { build, cell }
        );

    private static string Json(ImmutableArray<ConfigProblem> problems) =>
        JsonSerializer.Serialize(problems, StoreJson.Default.ImmutableArrayConfigProblem);

    private static string Cut(string text, int most) => text.Length <= most ? text : text[..most];

    private static string Word(TriggerKind kind) =>
        kind switch
        {
            TriggerKind.Push => "push",
            TriggerKind.Tag => "tag",
            TriggerKind.Pull => "pull",
            TriggerKind.Manual => "manual",
            TriggerKind.Cron => "cron",
            TriggerKind.Rerun => "rerun",
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };

    private const string Select = """
        SELECT b.id AS Id, b.number AS Number, b.repository AS Repository, r.host AS Host, r.slug AS Slug, r.url AS Url,
               r.created_at AS RepositoryCreatedAt, b.trigger AS Kind, b.ref AS Ref, b.sha AS Sha, b.message AS Message,
               b.author AS Author, b.before AS Before, b.compare_url AS CompareUrl, b.pull_request AS PullRequest,
               b.only_cell AS OnlyCell, b.plan_tries AS Tries
        FROM builds b JOIN repositories r ON r.id = b.repository AND r.removed_at IS NULL
        """;

    private sealed record Row(
        long Id,
        long Number,
        long Repository,
        string Host,
        string Slug,
        string Url,
        long RepositoryCreatedAt,
        string Kind,
        string Ref,
        string Sha,
        string Message,
        string Author,
        string? Before,
        string? CompareUrl,
        string? PullRequest,
        long? OnlyCell,
        long Tries
    )
    {
        public Trigger Trigger =>
            new(
                Rows.Word<TriggerKind>(Kind),
                new CommitRef(Sha, Ref, Message, Author, Before),
                CompareUrl,
                Pull(PullRequest)
            );

        public UnplannedBuild Unplanned =>
            new(
                Id,
                Number,
                new Repository(Repository, Host, Slug, Url, Rows.Time(RepositoryCreatedAt)),
                Trigger,
                (int?)OnlyCell,
                (int)Tries
            );
    }
}
