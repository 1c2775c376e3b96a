using TestGrid.Core.Jobs;

namespace TestGrid.Runner.Endings;

/// <summary>What ended a job from outside.</summary>
public abstract record EndingCause
{
    /// <summary>A limit or a person ended it, and this is what it says about the job.</summary>
    public sealed record Judged(JobVerdict Verdict) : EndingCause;

    /// <summary>The attempt is not the job's any more: nothing it tells is kept.</summary>
    public sealed record Fenced : EndingCause;

    /// <summary>The runner stops: the job is given back and starts again elsewhere.</summary>
    public sealed record RunnerGoesAway : EndingCause;
}

/// <summary>
/// The ways a job is ended from outside, and which one it was: first polite, then firm, and one place that knows why.
/// The first cause wins; what follows changes nothing.
/// </summary>
public sealed class Ending : IDisposable
{
    private readonly JobLimits limits;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource polite = new();
    private readonly CancellationTokenSource firm;
    private readonly CancellationTokenRegistration stopping;
    private readonly Lock gate = new();
    private ITimer? timeLimit;
    private ITimer? silenceLimit;
    private EndingCause? cause;
    private bool over;

    public Ending(JobLimits limits, TimeProvider time, CancellationToken runnerStops)
    {
        this.limits = limits;
        this.time = time;
        firm = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        stopping = runnerStops.Register(() => End(new EndingCause.RunnerGoesAway()));
    }

    /// <summary>Asks the job to end: its processes get SIGTERM.</summary>
    public CancellationToken Polite => polite.Token;

    /// <summary>The grace is over: everything of the job is killed.</summary>
    public CancellationToken Firm => firm.Token;

    /// <summary>What ended it, or null when it ends by itself.</summary>
    public EndingCause? Cause
    {
        get
        {
            lock (gate)
                return cause;
        }
    }

    /// <summary>Starts the clocks of the time and silence limits: call it when the script starts.</summary>
    public void StartClocks()
    {
        timeLimit = time.CreateTimer(
            _ => End(Errored(JobReason.Timeout, $"The job took longer than {Words(limits.Time)} and was ended.")),
            null,
            limits.Time,
            Timeout.InfiniteTimeSpan
        );
        silenceLimit = time.CreateTimer(
            _ =>
                End(
                    Errored(
                        JobReason.NoOutput,
                        $"No output came for {Words(limits.Silence)}, so the job was ended. "
                            + "Check for a command that waits for input, or use travis_wait."
                    )
                ),
            null,
            limits.Silence,
            Timeout.InfiniteTimeSpan
        );
    }

    /// <summary>The job wrote something: its silence starts anew.</summary>
    public void Heard() => silenceLimit?.Change(limits.Silence, Timeout.InfiniteTimeSpan);

    /// <summary>Ends the job because of its log.</summary>
    public void LogIsFull() =>
        End(
            Errored(
                JobReason.LogLimit,
                $"The log grew over its limit of {limits.LogBytes:N0} bytes, so the job was ended."
            )
        );

    /// <summary>Does what the server wishes.</summary>
    public void Obey(JobWish wish)
    {
        if (wish is JobWish.Stop)
            End(new EndingCause.Judged(new JobVerdict(JobState.Cancelled, JobReason.Cancelled, "It was cancelled.")));
        if (wish is JobWish.Fenced)
            End(new EndingCause.Fenced());
    }

    /// <summary>Ends the job. Only the first call counts.</summary>
    public void End(EndingCause why)
    {
        lock (gate)
        {
            if (cause is not null || over)
                return;
            cause = why;
            // Nobody waits for the grace of an attempt that has been given to someone else.
            firm.CancelAfter(why is EndingCause.Fenced ? TimeSpan.Zero : limits.Grace);
        }
        polite.Cancel();
    }

    public void Dispose()
    {
        lock (gate)
            over = true;
        stopping.Dispose();
        timeLimit?.Dispose();
        silenceLimit?.Dispose();
        polite.Dispose();
        firm.Dispose();
    }

    private static EndingCause.Judged Errored(string reason, string sentence) =>
        new(new JobVerdict(JobState.Errored, reason, sentence));

    private static string Words(TimeSpan span) =>
        span.TotalMinutes >= 1 ? $"{span.TotalMinutes:0.#} minutes" : $"{span.TotalSeconds:0.#} seconds";
}
