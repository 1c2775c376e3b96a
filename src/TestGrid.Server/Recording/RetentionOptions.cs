using System.ComponentModel.DataAnnotations;

namespace TestGrid.Server.Recording;

/// <summary>How much of the past is kept. Builds and verdicts stay; logs and deliveries are bounded. Key <c>retention</c>.</summary>
public sealed class RetentionOptions
{
    /// <summary>Logs of builds that ended longer ago are removed.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "36500.00:00:00")]
    public TimeSpan LogAge { get; init; } = TimeSpan.FromDays(90);

    /// <summary>When all logs take more, those of the oldest builds are removed.</summary>
    [Range(1L << 20, long.MaxValue)]
    public long LogBytes { get; init; } = 20L << 30;

    [Range(typeof(TimeSpan), "01:00:00", "36500.00:00:00")]
    public TimeSpan DeliveryAge { get; init; } = TimeSpan.FromDays(30);

    [Range(1, 1_000_000)]
    public int DeliveriesPerRepository { get; init; } = 500;
}
