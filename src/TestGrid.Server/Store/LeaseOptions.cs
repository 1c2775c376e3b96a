using System.ComponentModel.DataAnnotations;

namespace TestGrid.Server.Store;

/// <summary>How long a job is a runner's without a word from it.</summary>
public sealed class LeaseOptions
{
    /// <summary>
    /// A runner that is not heard from for so long has lost its job, which starts again on another. Runners renew every
    /// second, so this is how long a network may be down without harm.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:02", "01:00:00")]
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(30);
}
