using System.ComponentModel.DataAnnotations;

namespace TestGrid.Server.Scheduling;

/// <summary>How the runners' room is shared.</summary>
public sealed class SchedulingOptions
{
    /// <summary>The most jobs of one repository at a time; 0 is no limit.</summary>
    [Range(0, 10_000)]
    public int PerRepository { get; init; }
}
