namespace TestGrid.Core.Jobs;

/// <summary>Where a job stands. The last four are final: nothing leaves them (<c>docs/state-machine.md</c>).</summary>
public enum JobState
{
    /// <summary>Planned, and not yet given to the queue.</summary>
    Waiting,

    /// <summary>In the queue, for a runner to take.</summary>
    Queued,

    /// <summary>A runner holds its lease.</summary>
    Running,

    /// <summary>Every command that counts exited 0.</summary>
    Passed,

    /// <summary>The script failed: the code is red.</summary>
    Failed,

    /// <summary>The job never got to say: set-up, environment, limits or TestGrid itself.</summary>
    Errored,

    /// <summary>Somebody ended it.</summary>
    Cancelled,
}

public static class JobStates
{
    extension(JobState state)
    {
        /// <summary>Nothing leaves a final state.</summary>
        public bool IsFinal => state is JobState.Passed or JobState.Failed or JobState.Errored or JobState.Cancelled;

        /// <summary>The word in the store, JSON, CLI and page: the name in lower case.</summary>
        public string Word =>
            state switch
            {
                JobState.Waiting => "waiting",
                JobState.Queued => "queued",
                JobState.Running => "running",
                JobState.Passed => "passed",
                JobState.Failed => "failed",
                JobState.Errored => "errored",
                JobState.Cancelled => "cancelled",
                _ => throw new ArgumentOutOfRangeException(nameof(state)),
            };
    }
}
