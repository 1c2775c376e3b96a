using Microsoft.Extensions.Logging;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Recording;

/// <summary>The stage that bounds the disk: logs by age and by their sum, deliveries by age and number.</summary>
public sealed partial class Housekeeping(
    RetentionStore past,
    LogFiles logs,
    DeliveryStore deliveries,
    RetentionOptions options,
    TimeProvider time,
    ILogger<Housekeeping> log
) : Stage(Nobody, time, log)
{
    private static readonly Bell Nobody = new(); // time alone wakes it

    protected override TimeSpan PollTime => TimeSpan.FromMinutes(10);

    protected override async Task<bool> DoOneAsync(CancellationToken stop)
    {
        await KeepAsync(stop);
        return false;
    }

    /// <summary>One round.</summary>
    public async Task KeepAsync(CancellationToken stop)
    {
        await deliveries.TrimAsync(options.DeliveryAge, options.DeliveriesPerRepository, stop);
        foreach (var build in past.WithLogsEndedBefore(options.LogAge))
            await RemoveAsync(build, "its time is over", stop);

        var kept = past.WithLogs().Select(build => (Build: build, Bytes: logs.Bytes(build))).ToList();
        var sum = kept.Sum(one => one.Bytes);
        foreach (var (build, bytes) in kept)
        {
            if (sum <= options.LogBytes)
                break;
            await RemoveAsync(build, "all logs together are too large", stop);
            sum -= bytes;
        }
    }

    // The mark comes last: a crash between the two removes what is gone once more.
    private async Task RemoveAsync(long build, string why, CancellationToken stop)
    {
        logs.Delete(build);
        await past.LogsGoneAsync(build, stop);
        LogsRemoved(log, build, why);
    }

    [LoggerMessage(LogLevel.Information, "The logs of build {Build} were removed: {Why}")]
    private static partial void LogsRemoved(ILogger log, long build, string why);
}
