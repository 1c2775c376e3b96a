using System.Collections.Immutable;
using TestGrid.Core.Jobs;

namespace TestGrid.Core.Builds;

/// <summary>How a build ended, with the reason in words.</summary>
/// <param name="State">A final state.</param>
/// <param name="Reason">A code: <c>jobs</c> when its jobs decided it, or one of <see cref="BuildReason"/>.</param>
/// <param name="Sentence">The same for a person.</param>
public sealed record BuildVerdict(BuildState State, string Reason, string Sentence)
{
    /// <summary>
    /// What the jobs say together, or null while they have not said it. Travis's order: a cancelled job that counts
    /// makes the build cancelled, else an errored one errored, else a failed one failed. Allowed failures do not count.
    /// </summary>
    /// <param name="jobs">Each job's state, and whether its failure is allowed.</param>
    /// <param name="fastFinish">Do not wait for jobs whose failure is allowed.</param>
    /// <param name="failFast">
    /// A failed job has cancelled the others: what the build is called is what failed, not what followed from it.
    /// </param>
    public static BuildVerdict? Of(
        ImmutableArray<(JobState State, bool AllowFailure)> jobs,
        bool fastFinish,
        bool failFast
    )
    {
        var awaited = fastFinish && jobs.Any(job => !job.AllowFailure) ? jobs.Where(job => !job.AllowFailure) : jobs;
        if (jobs.IsEmpty || awaited.Any(job => !job.State.IsFinal))
            return null;

        var counting = jobs.Where(job => !job.AllowFailure).ToList();
        foreach (var (state, build) in failFast ? [.. Worst[1..], Worst[0]] : Worst)
        {
            var count = counting.Count(job => job.State == state);
            if (count > 0)
                return new(build, BuildReason.Jobs, $"{count} of {jobs.Length} jobs {state.Word}");
        }
        var allowed = jobs.Count(job => job.State.IsFinal && job.State is not JobState.Passed);
        var sentence =
            allowed == 0 ? "every job passed" : $"every job that counts passed; {allowed} allowed to fail did";
        return new(BuildState.Passed, BuildReason.Jobs, sentence);
    }

    private static ImmutableArray<(JobState Job, BuildState Build)> Worst { get; } =
    [
        (JobState.Cancelled, BuildState.Cancelled),
        (JobState.Errored, BuildState.Errored),
        (JobState.Failed, BuildState.Failed),
    ];
}

/// <summary>The codes that stand beside a build's final state; a build without jobs may also have one of <see cref="JobReason"/>.</summary>
public static class BuildReason
{
    /// <summary>Its jobs decided it.</summary>
    public const string Jobs = "jobs";

    /// <summary>The commit's message asks not to be built.</summary>
    public const string Skipped = "skipped";

    /// <summary>Its configuration leaves this branch or tag out.</summary>
    public const string Branch = "branch";

    /// <summary>The configuration's condition does not hold for what happened.</summary>
    public const string FalseCondition = "condition";

    /// <summary>The conditions of jobs and stages leave none.</summary>
    public const string NoJobs = "no-jobs";

    /// <summary>The pull request's merge is not there: it conflicts with its base branch, or is closed.</summary>
    public const string NotMergeable = "not-mergeable";
}
