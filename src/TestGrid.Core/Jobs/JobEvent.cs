using TestGrid.Core.Bundles;

namespace TestGrid.Core.Jobs;

/// <summary>What a runner tells of a job it holds.</summary>
public abstract record JobEvent;

/// <summary>The job waits, and for what: shown on the page, in the API and the CLI («bundle c is being built, 40 %»).</summary>
public sealed record JobWaits(string For) : JobEvent;

/// <summary>Its sandbox is made from this bundle and its script starts now.</summary>
public sealed record JobStarted(string Runner, string Bundle, BundleDigest Digest) : JobEvent;

/// <summary>Output at a byte offset of this attempt's log, so that sending it twice does no harm. Secrets are out already.</summary>
public sealed record OutputWritten(long Offset, ReadOnlyMemory<byte> Bytes) : JobEvent;

/// <summary>One phase of the script ended.</summary>
/// <param name="Phase">Travis's name: <c>before_install</c> … <c>after_script</c>.</param>
/// <param name="ExitCode">Of the command that decided it.</param>
/// <param name="Took">Wall time.</param>
/// <param name="LogOffset">Where its output starts in the log, in bytes.</param>
public sealed record PhaseFinished(string Phase, int ExitCode, TimeSpan Took, long LogOffset) : JobEvent;

/// <summary>One command of the script ended.</summary>
/// <param name="Place">1 for the attempt's first; telling one twice does no harm.</param>
/// <param name="Phase">The phase that it ran in; empty outside one.</param>
/// <param name="Command">At most 200 characters of it. Untrusted text.</param>
/// <param name="ExitCode">Its own.</param>
/// <param name="Took">Wall time.</param>
/// <param name="Timer">The name of its <c>travis_time</c> marks in the log; empty without them.</param>
/// <param name="Use">
/// The most memory at one time while it ran, its processor time, and by how much what the job holds on its disk grew.
/// </param>
public sealed record CommandFinished(
    int Place,
    string Phase,
    string Command,
    int ExitCode,
    TimeSpan Took,
    string Timer,
    JobUse Use
) : JobEvent;

/// <summary>The job ended. At most once per attempt.</summary>
public sealed record JobFinished(JobVerdict Verdict) : JobEvent;

/// <summary>The server's answer to everything a runner tells: cancelling needs no second connection.</summary>
public enum JobWish
{
    /// <summary>Go on.</summary>
    CarryOn,

    /// <summary>Somebody cancelled it: end it politely, and tell the verdict.</summary>
    Stop,

    /// <summary>This attempt is not the job's any more: end it at once; nothing it tells is kept.</summary>
    Fenced,
}
