using System.ComponentModel.DataAnnotations;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner;

/// <summary>A runner's settings. Key <c>runner</c>.</summary>
public sealed class RunnerOptions
{
    /// <summary>Who it is, in leases, logs and on the page. The same name after a restart gives its old leases back.</summary>
    [Required, RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    public string Name { get; set; } = "embedded";

    /// <summary>Jobs at once; 0 runs none (a server without a runner).</summary>
    [Range(0, 64)]
    public int Slots { get; set; } = Math.Max(1, Environment.ProcessorCount);

    /// <summary>
    /// The sandbox engine's name: <c>native</c>, <c>docker</c>, or <c>auto</c> for native where it works, else docker.
    /// </summary>
    [Required, RegularExpression("^(native|docker|auto)$", ErrorMessage = "Runner:Engine is native, docker or auto.")]
    public string Engine { get; set; } = "native";

    /// <summary>What jobs may reach.</summary>
    public SandboxNetwork Network { get; set; } = SandboxNetwork.Egress;

    /// <summary>How long a job waits for each of its services to be ready.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan ServiceTime { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long the sandbox of a failed job is kept for a person's shell (<c>testgrid job shell</c>); 0 keeps none, as a
    /// runner that nobody can reach does. The embedded runner's is 30 minutes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan KeepFailed { get; set; }

    /// <summary>At most so many sandboxes are kept, beside those of running jobs; each holds the memory its job wrote to.</summary>
    [Range(0, 64)]
    public int KeepFailedAtMost { get; set; } = 2;

    /// <summary>Where it keeps what belongs to running jobs.</summary>
    [Required]
    public string StatePath { get; set; } = "";

    /// <summary>A job starts only when this much is free, in bytes, wherever it will write: there, and where bundles and git are.</summary>
    [Range(0, long.MaxValue)]
    public long KeepFreeBytes { get; set; } = 2L << 30;

    /// <summary>More folders that jobs fill, such as the logs of a server in the same process.</summary>
    public IList<string> FilledPaths { get; } = [];
}
