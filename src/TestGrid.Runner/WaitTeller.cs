using System.Threading.Channels;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Endings;

namespace TestGrid.Runner;

/// <summary>
/// Tells the server what a job waits for while its bundle is being built, or its repository fetched: at most one telling
/// at a time, the newest wins.
/// </summary>
internal sealed class WaitTeller : IProgress<BundleProgress>, IAsyncDisposable
{
    private static readonly TimeSpan Noticed = TimeSpan.FromSeconds(1);

    private readonly Channel<string> words = Channel.CreateBounded<string>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true }
    );
    private readonly Task telling;

    public WaitTeller(Func<JobEvent, ValueTask<JobWish>> tell, Ending ending) => telling = TellAsync(tell, ending);

    public void Report(BundleProgress value) => Say(value.ToString());

    /// <summary>Says what is waited for when the task takes longer than a person would notice; gives its result.</summary>
    public async Task<T> OverAsync<T>(Task<T> task, string what, TimeProvider time)
    {
        try
        {
            return await task.WaitAsync(Noticed, time);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            Say(what);
        }
        return await task;
    }

    /// <summary>Returns when nothing more will be told.</summary>
    public async ValueTask DisposeAsync()
    {
        words.Writer.TryComplete();
        await telling;
    }

    private void Say(string what) => words.Writer.TryWrite(what);

    private async Task TellAsync(Func<JobEvent, ValueTask<JobWish>> tell, Ending ending)
    {
        var last = "";
        await foreach (var word in words.Reader.ReadAllAsync())
        {
            if (word == last)
                continue;
            last = word;
            ending.Obey(await tell(new JobWaits(word)));
        }
    }
}
