using System.ComponentModel.DataAnnotations;

namespace TestGrid.Runner.Reporting.Http;

/// <summary>What a remote runner keeps of what its server has not heard yet. Key <c>spool</c>.</summary>
public sealed class SpoolOptions
{
    /// <summary>A folder of this runner alone.</summary>
    [Required]
    public string Path { get; set; } = "";

    /// <summary>
    /// Bytes of one job's log that may wait for a server that is away; then the job's output waits, and the job with it.
    /// </summary>
    [Range(1L << 20, 4L << 30)]
    public long BytesMax { get; set; } = 64L << 20;
}
