using System.ComponentModel.DataAnnotations;

namespace TestGrid.Server.Scheduling;

/// <summary>How the runners' room is shared.</summary>
public sealed class SchedulingOptions
{
    /// <summary>The most jobs of one repository at a time; 0 is no limit.</summary>
    [Range(0, 10_000)]
    public int PerRepository { get; init; }

    /// <summary>A remote runner that is not heard for so long is away, and gets no new jobs. It says hello every 4 s.</summary>
    [Range(typeof(TimeSpan), "00:00:02", "01:00:00")]
    public TimeSpan AwayAfter { get; init; } = TimeSpan.FromSeconds(15);
}
