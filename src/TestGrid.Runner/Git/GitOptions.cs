using System.ComponentModel.DataAnnotations;

namespace TestGrid.Runner.Git;

/// <summary>The operator's settings for mirrors and checkouts.</summary>
public sealed class GitOptions
{
    /// <summary>The folder of mirrors and checkouts. Every folder above it must let others pass (mode o+x).</summary>
    [Required]
    public string RootPath { get; set; } = "/var/lib/testgrid/git";

    /// <summary>The first id, on this machine, of the sandboxes' id range; as in the bundles' settings.</summary>
    [Range(65536, 4_000_000_000)]
    public long IdBase { get; set; } = 100_000;

    /// <summary>The user inside to whom a job's files belong: <c>travis</c>.</summary>
    [Range(0, 65535)]
    public int UserId { get; set; } = 2000;

    /// <summary>
    /// Lets ssh use the keys and settings of the user the runner runs as, for repositories without a key of their own.
    /// </summary>
    public bool UseOwnSshKeys { get; set; }

    /// <summary>
    /// Lets submodules come from addresses in private networks too. They are named by whoever can push.
    /// </summary>
    public bool PrivateSubmodules { get; set; }

    /// <summary>The ssh program.</summary>
    [Required]
    public string Ssh { get; set; } = "ssh";

    [Range(0, 1000)]
    public int MaxSubmodules { get; set; } = 64;

    [Range(1, 10_000_000)]
    public int MaxFiles { get; set; } = 300_000;

    /// <summary>Bytes of all files of one commit together.</summary>
    [Range(1, long.MaxValue)]
    public long MaxTreeBytes { get; set; } = 4L << 30;

    /// <summary>Bytes that a fetch may receive at once.</summary>
    [Range(1, long.MaxValue)]
    public long MaxFetchBytes { get; set; } = 8L << 30;

    [Range(typeof(TimeSpan), "00:00:05", "12:00:00")]
    public TimeSpan FetchTime { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>A checkout not used for so long is removed.</summary>
    public TimeSpan KeepTrees { get; set; } = TimeSpan.FromDays(3);

    /// <summary>A mirror not used for so long is removed; the next build clones again.</summary>
    public TimeSpan KeepMirrors { get; set; } = TimeSpan.FromDays(60);

    /// <summary>Bytes that all checkouts may take together; the least recently used go first.</summary>
    [Range(0, long.MaxValue)]
    public long MaxTreesBytes { get; set; } = 10L << 30;

    /// <summary>
    /// Bytes that all mirrors may take together; the least recently used go first, with their checkouts. One that is larger
    /// alone goes as soon as nobody uses it, and is cloned again when it is wanted.
    /// </summary>
    [Range(0, long.MaxValue)]
    public long MaxMirrorsBytes { get; set; } = 20L << 30;
}
