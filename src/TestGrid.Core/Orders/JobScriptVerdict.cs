using TestGrid.Core.Jobs;

namespace TestGrid.Core.Orders;

public static partial class JobScript
{
    /// <summary>Phases that change no result.</summary>
    internal static bool IsAfterwards(string phase) =>
        phase.StartsWith("after_", StringComparison.Ordinal) || phase is "before_cache" or "announce" or "export";

    /// <summary>
    /// What the script's exit code means, as on Travis: 0 passed, 1 failed, anything else errored. The code alone
    /// decides; the
    /// rest only makes the sentence.
    /// </summary>
    /// <param name="exitCode">Of the bash that ran the script; 128 + n after signal n.</param>
    /// <param name="failure">The phase that failed first, or null when the script did not get to say.</param>
    /// <param name="current">The phase it died in, or null.</param>
    public static JobVerdict VerdictOf(int exitCode, PhaseEnd? failure = null, string? current = null)
    {
        var state = exitCode switch
        {
            0 => JobState.Passed,
            1 => JobState.Failed,
            _ => JobState.Errored,
        };
        return new JobVerdict(state, JobReason.ExitCode, Sentence(exitCode, failure, current), exitCode);
    }

    private static string Sentence(int exitCode, PhaseEnd? failure, string? current) =>
        (exitCode, failure) switch
        {
            (0, null) => "Every command of the script exited with 0.",
            (0, _) => $"The job ended itself with 0 after {failure.Phase} had failed.",
            (_, { Command.Length: > 0 }) =>
                $"{failure.Phase} failed: the command \"{failure.Command}\" exited with {failure.ExitCode}.",
            (_, not null) => $"{failure.Phase} failed with {failure.ExitCode}.",
            (> 128 and < 193, _) => $"The job's shell was ended by signal {exitCode - 128}{During(current)}.",
            _ => $"The job's shell exited with {exitCode}{During(current)}.",
        };

    private static string During(string? current) => current is null ? "" : $" during {current}";
}
