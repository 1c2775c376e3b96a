using System.Collections.Immutable;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Grids;
using TestGrid.Core.Jobs;

namespace TestGrid.Server.Store;

/// <summary>A build as every list shows it. <c>web/src/types.ts</c> has the same records, word for word.</summary>
/// <param name="Id">The global key: 42.</param>
/// <param name="Number">Its number within its repository.</param>
/// <param name="JobCounts">How many of its jobs are in each state; states without a job are left out.</param>
public sealed record BuildSummary(
    long Id,
    long Number,
    long RepositoryId,
    string Repository,
    BuildState State,
    string? Reason,
    string? Sentence,
    TriggerKind Trigger,
    PullSummary? PullRequest,
    string? Branch,
    string? Tag,
    string Sha,
    string Title,
    string Author,
    DateTimeOffset CreatedAt,
    DateTimeOffset? StartedAt,
    DateTimeOffset? FinishedAt,
    ImmutableSortedDictionary<string, int> JobCounts
);

/// <summary>The pull request whose merge a build tests.</summary>
/// <param name="HeadSlug">Where it comes from; null when that repository is gone.</param>
/// <param name="IsFork">It comes from another repository, and gets no secrets.</param>
public sealed record PullSummary(int Number, string BaseBranch, string HeadBranch, string? HeadSlug, bool IsFork);

/// <summary>A page of builds, newest first.</summary>
/// <param name="Before">Ask for builds before this id to go on; null at the end.</param>
public sealed record BuildList(ImmutableArray<BuildSummary> Builds, long? Before);

/// <summary>A build and its grid.</summary>
/// <param name="Axes">The axes that vary, in order.</param>
public sealed record BuildDetail(
    BuildSummary Build,
    string? ConfigFile,
    ImmutableArray<ConfigProblem> Problems,
    ImmutableArray<string> Axes,
    ImmutableArray<JobSummary> Jobs
);

/// <summary>A job as its build shows it.</summary>
/// <param name="Attempt">0 before the first runner claimed it.</param>
/// <param name="WaitsFor">What it waits for, in words; null when it does not wait.</param>
/// <param name="Bundle">As the configuration names it: a recipe, a digest, an image.</param>
/// <param name="BundleDigest"><c>sha256:…</c> once it is decided what its build runs on.</param>
/// <param name="Use">What its last attempt used; null before its end, and when nobody counted.</param>
public sealed record JobSummary(
    JobId Id,
    int Cell,
    ImmutableArray<AxisValue> Values,
    string? Name,
    JobState State,
    string? Reason,
    string? Sentence,
    bool AllowFailure,
    int Attempt,
    string? WaitsFor,
    string? Runner,
    string Bundle,
    string? BundleDigest,
    int? ExitCode,
    JobUse? Use,
    DateTimeOffset? StartedAt,
    DateTimeOffset? FinishedAt
)
{
    /// <summary>Whether it is an image of others: nobody can say what it was built from.</summary>
    public bool IsUnlocked => BundleForm.IsUnlockedName(Bundle);
}

/// <summary>A job, its build, and all that its attempts did.</summary>
/// <param name="Phases">Of the newest attempt, in the order they ran.</param>
/// <param name="Commands">Of the newest attempt, in the order they ran; at most the first 500.</param>
/// <param name="LogBytes">Of the newest attempt.</param>
public sealed record JobDetail(
    JobSummary Job,
    BuildSummary Build,
    ImmutableArray<PhaseRecord> Phases,
    ImmutableArray<CommandRecord> Commands,
    ImmutableArray<AttemptRecord> Attempts,
    long LogBytes
);

/// <param name="LogOffset">Where its output starts in the log, in bytes.</param>
public sealed record PhaseRecord(string Phase, int ExitCode, double Seconds, long LogOffset);

/// <summary>A command of the script, as its log shows it, and what it used.</summary>
/// <param name="Timer">The name of its <c>travis_time</c> marks in the log; empty without them.</param>
/// <param name="Use">The most memory while it ran, its processor time, and what it added on disk.</param>
public sealed record CommandRecord(
    string Phase,
    string Command,
    int ExitCode,
    double Seconds,
    string Timer,
    JobUse? Use
);

/// <summary>One attempt at a job; there are more when a runner was lost.</summary>
public sealed record AttemptRecord(
    int Attempt,
    JobState State,
    string? Reason,
    string? Sentence,
    string Runner,
    DateTimeOffset StartedAt,
    DateTimeOffset? FinishedAt,
    long LogBytes
);

/// <summary>Where a job's log is.</summary>
/// <param name="Attempt">From 1; 0 while no runner has claimed the job.</param>
/// <param name="Over">Nothing is written to it any more.</param>
/// <param name="Gone">It was removed to make room.</param>
public sealed record LogPlace(int Attempt, bool Over, bool Gone);
