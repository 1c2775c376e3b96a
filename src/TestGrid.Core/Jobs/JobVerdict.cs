namespace TestGrid.Core.Jobs;

/// <summary>How a job ended, with the reason in words.</summary>
/// <param name="State">A final state.</param>
/// <param name="Reason">A code of <see cref="JobReason"/>; programs branch on it.</param>
/// <param name="Sentence">The same for a person: what happened and, where there is one, the remedy.</param>
/// <param name="ExitCode">The exit code of the job's script, where it got that far.</param>
/// <param name="Use">What it used, where a script ran and something was counted.</param>
public sealed record JobVerdict(
    JobState State,
    string Reason,
    string Sentence,
    int? ExitCode = null,
    JobUse? Use = null
);

/// <summary>The codes that stand beside a final state.</summary>
public static class JobReason
{
    /// <summary>The script ran to its end; <see cref="JobVerdict.ExitCode"/> says how.</summary>
    public const string ExitCode = "exit-code";

    /// <summary>It ran longer than its time limit.</summary>
    public const string Timeout = "timeout";

    /// <summary>It wrote nothing for longer than its silence limit.</summary>
    public const string NoOutput = "no-output";

    /// <summary>It used more memory than its limit.</summary>
    public const string Oom = "oom";

    /// <summary>Its log grew over its limit.</summary>
    public const string LogLimit = "log-limit";

    /// <summary>It wrote more than its disk limit, or the runner's disk is too full to start it.</summary>
    public const string DiskLimit = "disk-limit";

    /// <summary>It was refused a process or thread for the limit on their number, and failed.</summary>
    public const string PidsLimit = "pids-limit";

    /// <summary>Its runner was not heard from, three attempts long.</summary>
    public const string RunnerLost = "runner-lost";

    /// <summary>No bundle gives what it asks for.</summary>
    public const string NoBundle = "no-bundle";

    /// <summary>It asks for an operating system or processor that no runner has.</summary>
    public const string NoPlatform = "no-platform";

    /// <summary>A service that it asks for did not come up.</summary>
    public const string Service = "service";

    /// <summary>The configuration cannot be read, or says nothing to run.</summary>
    public const string Config = "config";

    /// <summary>The commit is not in the repository (any more).</summary>
    public const string CommitGone = "commit-gone";

    /// <summary>TestGrid or its machine failed, not the job.</summary>
    public const string Infra = "infra";

    /// <summary>Somebody cancelled it.</summary>
    public const string Cancelled = "cancelled";
}
