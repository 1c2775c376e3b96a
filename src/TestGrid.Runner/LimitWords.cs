using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner;

/// <summary>Tells a limit from a failure: which one a job ran into, where, and what it used.</summary>
internal static class LimitWords
{
    /// <summary>How a job ended whose script ended, for itself or by the kernel.</summary>
    public static JobVerdict Judge(JobLimits limits, SandboxExit exit, PhaseMarks marks)
    {
        if (exit.OutOfMemory)
            return new JobVerdict(
                JobState.Errored,
                JobReason.Oom,
                $"Out of memory at {limits.MemoryBytes >> 20} MiB{Where(marks)}. Files that it writes are in memory, too.",
                exit.ExitCode
            );
        // With a full disk a job may well pass; who failed and had no room left is told that first.
        if (exit is { ExitCode: not 0, Use.DiskFull: true })
            return new JobVerdict(
                JobState.Errored,
                JobReason.DiskLimit,
                $"The disk was full{Where(marks)}: it may hold {limits.DiskBytes >> 20} MiB, and a file for each 16 KiB of that.",
                exit.ExitCode
            );
        // As with the disk: a job may do without what it was refused.
        if (exit is { ExitCode: not 0, Use.ProcessesRefused: true })
            return new JobVerdict(
                JobState.Errored,
                JobReason.PidsLimit,
                $"Process limit of {limits.Processes} reached{Where(marks)}: no further process or thread was made.",
                exit.ExitCode
            );
        return JobScript.VerdictOf(exit.ExitCode, marks.FirstFailure, marks.Current);
    }

    /// <summary>
    /// A verdict of time or silence, with the limit that it met before: a shell that gets no process tries again and
    /// again, so a fork bomb ends by the clock.
    /// </summary>
    public static JobVerdict Hint(JobVerdict verdict, JobLimits limits, SandboxUse? use) =>
        verdict.Reason is JobReason.Timeout or JobReason.NoOutput && use is { ProcessesRefused: true }
            ? verdict with
            {
                Sentence = $"{verdict.Sentence} Its process limit of {limits.Processes} was reached before.",
            }
            : verdict;

    /// <summary>What a job used, for its record; null when nobody counted.</summary>
    public static JobUse? Used(SandboxUse? use) =>
        JobUse.Of(use?.PeakMemoryBytes, use?.Processor?.TotalSeconds, use?.DiskBytes);

    private static string Where(PhaseMarks marks) =>
        marks.FirstFailure is { Command.Length: > 0 } failure ? $" in \"{failure.Command}\""
        : (marks.FirstFailure?.Phase ?? marks.Current) is { } phase ? $" during {phase}"
        : "";
}
