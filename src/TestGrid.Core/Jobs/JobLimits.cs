namespace TestGrid.Core.Jobs;

/// <summary>What one job may use. The operator sets the most; a configuration may ask for less.</summary>
/// <param name="Time">From the sandbox's start to the script's end.</param>
/// <param name="Silence">The longest time without a byte of output (Travis: 10 minutes).</param>
/// <param name="Grace">Between the polite signal and the end of everything.</param>
/// <param name="LogBytes">The log's most, in bytes. At the limit the job is errored: nothing is cut from the middle.</param>
/// <param name="MemoryBytes">Of all its processes and its in-memory file systems together.</param>
/// <param name="DiskBytes">What it may write over its bundle and checkout.</param>
/// <param name="Processes">Processes and threads at once.</param>
/// <param name="Cpus">Processors' worth of time; 0 is no limit.</param>
public sealed record JobLimits(
    TimeSpan Time,
    TimeSpan Silence,
    TimeSpan Grace,
    long LogBytes,
    long MemoryBytes,
    long DiskBytes,
    int Processes,
    double Cpus
)
{
    public static JobLimits Default { get; } =
        new(
            Time: TimeSpan.FromMinutes(50),
            Silence: TimeSpan.FromMinutes(10),
            Grace: TimeSpan.FromSeconds(10),
            LogBytes: 64L << 20,
            MemoryBytes: 4L << 30,
            DiskBytes: 4L << 30,
            Processes: 4096,
            Cpus: 0
        );
}
