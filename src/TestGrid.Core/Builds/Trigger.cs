namespace TestGrid.Core.Builds;

/// <summary>What made a build start.</summary>
public enum TriggerKind
{
    Push,
    Tag,

    /// <summary>A pull request was opened, or has new commits.</summary>
    Pull,

    /// <summary>A person or a program asked for it.</summary>
    Manual,

    /// <summary>A timetable.</summary>
    Cron,
    Rerun,
}

/// <summary>Why a build exists, in no git host's words: a git host's payload never leaves its host's folder.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Commit">The commit to test; of a pull request its merge into the base branch.</param>
/// <param name="CompareUrl">Where the host shows the change, if it said so. Untrusted text.</param>
/// <param name="PullRequest">The pull request it is about, in a rerun too; else null.</param>
public sealed record Trigger(
    TriggerKind Kind,
    CommitRef Commit,
    string? CompareUrl = null,
    PullRequest? PullRequest = null
)
{
    /// <summary>The pushed branch; of a pull request the one it is to go to; null for a tag.</summary>
    public string? Branch => PullRequest?.BaseBranch ?? Commit.Branch;

    /// <summary>Travis's word for what happened: <c>push</c>, <c>pull_request</c>, <c>api</c> or <c>cron</c>.</summary>
    public string EventType =>
        (Kind, PullRequest) switch
        {
            (_, not null) => "pull_request",
            (TriggerKind.Manual, _) => "api",
            (TriggerKind.Cron, _) => "cron",
            _ => "push",
        };
}
