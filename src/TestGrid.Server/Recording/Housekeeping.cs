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
        while (past.WithLogsEndedBefore(options.LogAge) is { IsEmpty: false } old)
        {
            foreach (var build in old)
                await RemoveAsync(build, "its time is over", stop);
        }
        await KeepBytesAsync(stop);
    }

    // All that lies there counts, also what running builds write; only what is over can go.
    private async Task KeepBytesAsync(CancellationToken stop)
    {
        var sum = logs.AllBytes();
        while (sum > options.LogBytes && past.WithLogs() is { IsEmpty: false } oldest)
        {
            foreach (var build in oldest)
            {
                if (sum <= options.LogBytes)
                    return;
                sum -= logs.Bytes(build);
                await RemoveAsync(build, "all logs together are too large", stop);
            }
        }
        if (sum > options.LogBytes)
            StillTooLarge(log, sum >> 20, options.LogBytes >> 20);
    }

    // The mark comes last: a crash between the two removes what is gone once more.
    private async Task RemoveAsync(long build, string why, CancellationToken stop)
    {
        logs.Delete(build);
        await past.LogsGoneAsync(build, stop);
        LogsRemoved(log, build, why);
    }

    [LoggerMessage(
        LogLevel.Warning,
        "The logs of builds that still run take {MiB} MiB, more than {Most} MiB (retention:logBytes): nothing more can go"
    )]
    private static partial void StillTooLarge(ILogger log, long miB, long most);

    [LoggerMessage(LogLevel.Information, "The logs of build {Build} were removed: {Why}")]
    private static partial void LogsRemoved(ILogger log, long build, string why);
}
