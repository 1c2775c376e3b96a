using Microsoft.Extensions.Logging;

namespace TestGrid.Runner;

/// <summary>
/// The places that are on their way out while others are used: the kernel takes longer to let go of a network than many
/// a job to run, and nobody has anything to do meanwhile.
/// </summary>
public sealed partial class LeavingPlaces(JobGround ground, ILogger<LeavingPlaces> log) : IAsyncDisposable, IDisposable
{
    private readonly Lock gate = new();
    private readonly List<(string Name, Task Gone)> leaving = [];

    /// <summary>
    /// Waits until one more place may be made: a machine that is slow to let go is not filled further, and a job that is
    /// tried again here has its name again.
    /// </summary>
    /// <param name="name">The place's.</param>
    /// <param name="stop">Ends the wait.</param>
    public async ValueTask HaveRoomAsync(string name, CancellationToken stop)
    {
        while (Now() is var now && (now.Length >= 2 * ground.Slots || now.Any(one => one.Name == name)))
            await Task.WhenAny(now.Select(one => one.Gone)).WaitAsync(stop);
    }

    /// <summary>Ends a place. Returns at once.</summary>
    public void LetGo(JobPlace place)
    {
        lock (gate)
            leaving.Add((place.Name, EndAsync(place)));
    }

    /// <summary>Returns when all of them are gone.</summary>
    public async ValueTask DisposeAsync() => await Task.WhenAll(Now().Select(one => one.Gone));

    /// <summary>The same without waiting: they end with this process, and the next start sweeps what is left.</summary>
    public void Dispose() { }

    private (string Name, Task Gone)[] Now()
    {
        lock (gate)
        {
            leaving.RemoveAll(one => one.Gone.IsCompleted);
            return [.. leaving];
        }
    }

    private async Task EndAsync(JobPlace place)
    {
        await Task.Yield();
        try
        {
            await place.DisposeAsync();
        }
        catch (Exception e)
        {
            NotEnded(log, e, place.Name);
        }
    }

    [LoggerMessage(LogLevel.Error, "The place of {Name} is not wholly given back; the next start sweeps it")]
    private static partial void NotEnded(ILogger log, Exception cause, string name);
}
