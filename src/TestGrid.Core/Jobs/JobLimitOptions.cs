using System.ComponentModel.DataAnnotations;

namespace TestGrid.Core.Jobs;

/// <summary>
/// The operator's <see cref="JobLimits"/> as settings, key <c>planning:limits</c>: what is not named keeps its default. A class
/// of its own, because a binder would write into <see cref="JobLimits.Default"/>, which all share.
/// </summary>
public sealed class JobLimitOptions
{
    /// <inheritdoc cref="JobLimits.Time"/>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public TimeSpan Time { get; init; } = JobLimits.Default.Time;

    /// <inheritdoc cref="JobLimits.Silence"/>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public TimeSpan Silence { get; init; } = JobLimits.Default.Silence;

    /// <inheritdoc cref="JobLimits.Grace"/>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan Grace { get; init; } = JobLimits.Default.Grace;

    /// <inheritdoc cref="JobLimits.LogBytes"/>
    [Range(64L << 10, 4L << 30)] // the server's own bound of a log, and room to say why a job ended
    public long LogBytes { get; init; } = JobLimits.Default.LogBytes;

    /// <inheritdoc cref="JobLimits.MemoryBytes"/>
    [Range(16L << 20, long.MaxValue)]
    public long MemoryBytes { get; init; } = JobLimits.Default.MemoryBytes;

    /// <inheritdoc cref="JobLimits.DiskBytes"/>
    [Range(1L << 20, long.MaxValue)]
    public long DiskBytes { get; init; } = JobLimits.Default.DiskBytes;

    /// <inheritdoc cref="JobLimits.Processes"/>
    [Range(16, 4_000_000)]
    public int Processes { get; init; } = JobLimits.Default.Processes;

    /// <inheritdoc cref="JobLimits.Cpus"/>
    [Range(0.0, 4096.0)]
    public double Cpus { get; init; } = JobLimits.Default.Cpus;

    public JobLimits ToLimits() => new(Time, Silence, Grace, LogBytes, MemoryBytes, DiskBytes, Processes, Cpus);
}
