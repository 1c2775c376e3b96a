using System.Globalization;

namespace TestGrid.Core.Jobs;

/// <summary>What a job used. A figure that nobody counted is null, never 0.</summary>
/// <param name="PeakMemoryBytes">The most at one time, with files in memory.</param>
/// <param name="CpuSeconds">Processor time of all its processes.</param>
/// <param name="DiskBytes">What it held over its bundle and checkout when its script had ended.</param>
public sealed record JobUse(long? PeakMemoryBytes, double? CpuSeconds, long? DiskBytes)
{
    /// <summary>These figures, or null when there is none among them.</summary>
    public static JobUse? Of(long? peakMemoryBytes, double? cpuSeconds, long? diskBytes) =>
        peakMemoryBytes is null && cpuSeconds is null && diskBytes is null
            ? null
            : new JobUse(peakMemoryBytes, cpuSeconds, diskBytes);

    /// <summary>For a person: <c>It used 87 MiB of memory at most, 1.3 s of processor time.</c></summary>
    public string InWords()
    {
        var parts = new List<string>();
        if (PeakMemoryBytes is { } memory)
            parts.Add($"{memory >> 20} MiB of memory at most");
        if (CpuSeconds is { } seconds)
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s of processor time"));
        if (DiskBytes is { } disk)
            parts.Add($"{disk >> 20} MiB on disk");
        return "It used " + string.Join(", ", parts) + ".";
    }
}
