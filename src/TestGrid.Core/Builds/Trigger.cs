namespace TestGrid.Core.Builds;

/// <summary>What made a build start.</summary>
public enum TriggerKind
{
    Push,
    Tag,
    Manual,
    Rerun,
}

/// <summary>Why a build exists, in no git host's words: a git host's payload never leaves its host's folder.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Commit">The commit to test.</param>
/// <param name="CompareUrl">Where the host shows the change, if it said so. Untrusted text.</param>
public sealed record Trigger(TriggerKind Kind, CommitRef Commit, string? CompareUrl = null);
