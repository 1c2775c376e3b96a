using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace TestGrid.Server.Stages;

/// <summary>
/// The ground of every stage: it takes one thing from durable state, does it, and looks again. Its bell only shortens
/// the wait, and whatever it throws is caught here, in one place, and tried again.
/// </summary>
public abstract partial class Stage(Bell doorbell, TimeProvider time, ILogger log) : BackgroundService
{
    /// <summary>How long it waits when nobody rings. Rings may be lost; this is how long that may matter.</summary>
    protected virtual TimeSpan PollTime => TimeSpan.FromSeconds(5);

    /// <summary>Does one thing; false when there is nothing to do.</summary>
    protected abstract Task<bool> DoOneAsync(CancellationToken stop);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield(); // a stage's first look must not hold up the others' start
        while (!stoppingToken.IsCancellationRequested)
        {
            var ring = doorbell.NextRing;
            try
            {
                while (await DoOneAsync(stoppingToken)) { }
            }
            catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                Stumbled(log, e, GetType().Name);
                ring = doorbell.NextRing; // or a bell that rang meanwhile would make this loop spin on a lasting fault
                await ring.OrAfter(TimeSpan.FromSeconds(1), time, stoppingToken);
                continue;
            }
            await ring.OrAfter(PollTime, time, stoppingToken);
        }
    }

    [LoggerMessage(LogLevel.Error, "{Stage} stumbled, and tries again")]
    private static partial void Stumbled(ILogger log, Exception e, string stage);
}
