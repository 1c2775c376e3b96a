using System.Collections.Immutable;

namespace TestGrid.Core.Jobs;

/// <summary>A way in which a job's state may change. There are no others: the store asks for one of these.</summary>
public sealed record JobMove(string Name, JobState To, params ImmutableArray<JobState> From)
{
    /// <summary>The scheduler put it on the queue.</summary>
    public static JobMove Enqueue { get; } = new("enqueue", JobState.Queued, JobState.Waiting);

    // From waiting, because a runner can be quicker than the scheduler's own mark.
    /// <summary>A runner claimed it: a new attempt with a new fencing token.</summary>
    public static JobMove Start { get; } = new("start", JobState.Running, JobState.Waiting, JobState.Queued);

    /// <summary>Its lease was lost or given back before it ended: it waits for another attempt.</summary>
    public static JobMove Requeue { get; } = new("requeue", JobState.Waiting, JobState.Running, JobState.Queued);

    /// <summary>Somebody ended it. A running job is ended through its runner; the verdict comes as this move.</summary>
    public static JobMove Cancel { get; } =
        new("cancel", JobState.Cancelled, JobState.Waiting, JobState.Queued, JobState.Running);

    /// <summary>It can never run: no bundle, an operating system that is not here, a vanished commit.</summary>
    public static JobMove Fail { get; } = new("fail", JobState.Errored, JobState.Waiting, JobState.Queued);

    /// <summary>Its runner told the verdict.</summary>
    public static JobMove End(JobState final) => new("end", final, JobState.Running);

    /// <summary>Every move there is, for the drawing, the store's check and the tests.</summary>
    public static ImmutableArray<JobMove> All { get; } =
    [Enqueue, Start, Requeue, Cancel, Fail, End(JobState.Passed), End(JobState.Failed), End(JobState.Errored)];
}
