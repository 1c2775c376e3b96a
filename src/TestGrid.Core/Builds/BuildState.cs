using System.Collections.Immutable;

namespace TestGrid.Core.Builds;

/// <summary>Where a build stands. It has no queue of its own: it waits, runs, and ends as its jobs say.</summary>
public enum BuildState
{
    /// <summary>Not planned yet, or none of its jobs has started.</summary>
    Waiting,

    /// <summary>At least one of its jobs was claimed.</summary>
    Running,

    /// <summary>Every job that counts passed.</summary>
    Passed,

    /// <summary>A job that counts failed: the code is red.</summary>
    Failed,

    /// <summary>It never got to say: its configuration, its commit, or a job's set-up.</summary>
    Errored,

    /// <summary>Somebody ended it, or its configuration leaves this branch out.</summary>
    Cancelled,
}

public static class BuildStates
{
    extension(BuildState state)
    {
        /// <summary>Nothing leaves a final state.</summary>
        public bool IsFinal =>
            state is BuildState.Passed or BuildState.Failed or BuildState.Errored or BuildState.Cancelled;

        /// <summary>The word in the store, JSON, CLI and page: the name in lower case.</summary>
        public string Word =>
            state switch
            {
                BuildState.Waiting => "waiting",
                BuildState.Running => "running",
                BuildState.Passed => "passed",
                BuildState.Failed => "failed",
                BuildState.Errored => "errored",
                BuildState.Cancelled => "cancelled",
                _ => throw new ArgumentOutOfRangeException(nameof(state)),
            };
    }
}

/// <summary>A way in which a build's state may change. There are no others: the store asks for one of these.</summary>
public sealed record BuildMove(string Name, BuildState To, params ImmutableArray<BuildState> From)
{
    /// <summary>The first of its jobs was claimed.</summary>
    public static BuildMove Start { get; } = new("start", BuildState.Running, BuildState.Waiting);

    // From waiting too: a build may be errored with no job at all, or cancelled before one started.
    /// <summary>It is over.</summary>
    public static BuildMove End(BuildState final) => new("end", final, BuildState.Waiting, BuildState.Running);

    /// <summary>Every move there is, for the drawing, the store's check and the tests.</summary>
    public static ImmutableArray<BuildMove> All { get; } =
    [Start, End(BuildState.Passed), End(BuildState.Failed), End(BuildState.Errored), End(BuildState.Cancelled)];
}
