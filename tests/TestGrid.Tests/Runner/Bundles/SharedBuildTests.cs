using TestGrid.Runner.Bundles;

namespace TestGrid.Tests.Runner.Bundles;

public sealed class SharedBuildTests
{
    private readonly SharedBuild shared = new();
    private readonly TaskCompletionSource done = new();
    private int builds;
    private bool stopped;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_who_ask_at_once_share_one_build_and_its_progress()
    {
        var (first, second) = (new Heard(), new Heard());
        var one = shared.JoinAsync(BuildAsync, first, Stop);
        shared.Report(new BundleProgress("c", 40, "installing"));
        var two = shared.JoinAsync(BuildAsync, second, Stop);
        shared.Report(new BundleProgress("c", 50, "installing"));
        done.SetResult();

        Assert.True(await one);
        Assert.True(await two);
        Assert.Equal(1, builds);
        Assert.Equal([40, 50], first.Percents);
        Assert.Equal([40, 50], second.Percents);
        Assert.True(shared.IsOver);
    }

    [Fact]
    public async Task One_who_goes_away_takes_nothing_from_the_others()
    {
        using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var one = shared.JoinAsync(BuildAsync, new Heard(), impatient.Token);
        var two = shared.JoinAsync(BuildAsync, new Heard(), Stop);

        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        Assert.False(stopped);
        done.SetResult();

        Assert.True(await two);
    }

    [Fact]
    public async Task When_the_last_has_gone_the_build_is_stopped_and_nobody_joins_it_any_more()
    {
        using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var one = shared.JoinAsync(BuildAsync, new Heard(), impatient.Token);

        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);

        Assert.True(stopped);
        Assert.False(await shared.JoinAsync(BuildAsync, new Heard(), Stop));
    }

    [Fact]
    public async Task A_build_that_fails_tells_everybody_why()
    {
        var one = shared.JoinAsync(BuildAsync, new Heard(), Stop);
        var two = shared.JoinAsync(BuildAsync, new Heard(), Stop);

        done.SetException(new BundleException("no mirror"));

        Assert.Equal("no mirror", (await Assert.ThrowsAsync<BundleException>(() => one)).Message);
        Assert.Equal("no mirror", (await Assert.ThrowsAsync<BundleException>(() => two)).Message);
    }

    private async Task BuildAsync(IProgress<BundleProgress> progress, CancellationToken stop)
    {
        Interlocked.Increment(ref builds);
        try
        {
            await done.Task.WaitAsync(stop);
        }
        catch (OperationCanceledException)
        {
            stopped = true;
            throw;
        }
    }

    private sealed class Heard : IProgress<BundleProgress>
    {
        public List<int> Percents { get; } = [];

        public void Report(BundleProgress value) => Percents.Add(value.Percent);
    }
}
