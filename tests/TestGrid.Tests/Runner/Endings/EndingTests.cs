using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Endings;

namespace TestGrid.Tests.Runner.Endings;

public sealed class EndingTests : IDisposable
{
    private static readonly JobLimits Limits = JobLimits.Default with
    {
        Time = TimeSpan.FromMinutes(50),
        Silence = TimeSpan.FromMinutes(10),
        Grace = TimeSpan.FromSeconds(10),
    };

    private readonly FakeTimeProvider time = new();
    private readonly CancellationTokenSource runnerStops = new();
    private readonly Ending ending;

    public EndingTests() => ending = new Ending(Limits, time, runnerStops.Token);

    [Fact]
    public void A_job_that_takes_too_long_is_asked_to_end_and_after_the_grace_made_to()
    {
        ending.StartClocks();
        for (var minute = 0; minute < 50; minute++)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            ending.Heard();
        }

        Assert.Equal(JobReason.Timeout, Reason());
        Assert.True(ending.Polite.IsCancellationRequested);
        Assert.False(ending.Firm.IsCancellationRequested);
        time.Advance(Limits.Grace);
        Assert.True(ending.Firm.IsCancellationRequested);
    }

    [Fact]
    public void Silence_counts_from_the_last_byte()
    {
        ending.StartClocks();
        time.Advance(TimeSpan.FromMinutes(9));
        ending.Heard();
        time.Advance(TimeSpan.FromMinutes(9));
        Assert.Null(ending.Cause);

        time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(JobReason.NoOutput, Reason());
    }

    [Fact]
    public void The_first_cause_wins()
    {
        ending.Obey(JobWish.Stop);
        ending.LogIsFull();
        runnerStops.Cancel();

        Assert.Equal(JobReason.Cancelled, Reason());
    }

    [Fact]
    public void An_attempt_given_to_someone_else_gets_no_grace()
    {
        ending.Obey(JobWish.Fenced);
        time.Advance(TimeSpan.Zero);

        Assert.IsType<EndingCause.Fenced>(ending.Cause);
        Assert.True(ending.Firm.IsCancellationRequested);
    }

    [Fact]
    public void A_runner_that_stops_has_no_verdict_on_the_job()
    {
        runnerStops.Cancel();

        Assert.IsType<EndingCause.RunnerGoesAway>(ending.Cause);
        Assert.True(ending.Polite.IsCancellationRequested);
    }

    [Fact]
    public void Time_spent_before_the_script_starts_does_not_count()
    {
        time.Advance(TimeSpan.FromHours(2));

        Assert.Null(ending.Cause);
    }

    public void Dispose()
    {
        ending.Dispose();
        runnerStops.Dispose();
    }

    private string Reason() => Assert.IsType<EndingCause.Judged>(ending.Cause).Verdict.Reason;
}
