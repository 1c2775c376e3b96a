using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Jobs;
using TestGrid.Runner;
using TestGrid.Runner.Endings;

namespace TestGrid.Tests.Runner;

public sealed class WaitTellerTests
{
    private readonly FakeTimeProvider time = new();
    private readonly TaskCompletionSource<string> told = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_takes_longer_than_a_second_is_told_while_it_lasts()
    {
        using var ending = new Ending(JobLimits.Default, time, Stop);
        await using var teller = new WaitTeller(TellAsync, ending);
        var fetched = new TaskCompletionSource<int>();

        var waiting = teller.OverAsync(fetched.Task, "it is being fetched", time);
        time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("it is being fetched", await told.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop));
        Assert.False(waiting.IsCompleted);
        fetched.SetResult(42);
        Assert.Equal(42, await waiting);
    }

    [Fact]
    public async Task What_is_quick_is_not_worth_a_word_and_what_fails_says_why_itself()
    {
        using var ending = new Ending(JobLimits.Default, time, Stop);
        await using (var teller = new WaitTeller(TellAsync, ending))
        {
            Assert.Equal(42, await teller.OverAsync(Task.FromResult(42), "it is being fetched", time));
            var failed = Task.FromException<int>(new TimeoutException("the host does not answer"));
            await Assert.ThrowsAsync<TimeoutException>(() => teller.OverAsync(failed, "it is being fetched", time));
        }

        Assert.False(told.Task.IsCompleted);
    }

    private ValueTask<JobWish> TellAsync(JobEvent happened)
    {
        told.TrySetResult(((JobWaits)happened).For);
        return ValueTask.FromResult(JobWish.CarryOn);
    }
}
