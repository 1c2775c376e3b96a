using System.Collections.Immutable;
using TestGrid.Core.Grids;
using TestGrid.Core.Jobs;

namespace TestGrid.Core.Config;

/// <summary>
/// One cell's configuration, complete: what <c>.testgrid.yml</c> or <c>.travis.yml</c> means for one job.
/// </summary>
public sealed record JobConfig
{
    /// <summary>The file it was read from, for the words in its log.</summary>
    public string ConfigFile { get; init; } = ".testgrid.yml";

    /// <summary>
    /// Travis's <c>language</c>, aliases resolved: <c>c</c>, <c>cpp</c>, <c>python</c>, <c>generic</c>, …
    /// </summary>
    public required string Language { get; init; }

    /// <summary>The recipe of the bundle it runs in: <c>base</c>, <c>c</c>, <c>python</c>.</summary>
    public required string Bundle { get; init; }

    /// <summary>What varies in this cell, in the axes' order: its place in the grid.</summary>
    public required Cell Cell { get; init; }

    /// <summary>The job's name, if the configuration gives one.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// The environment the configuration asks for, in order; values are bash words, not yet expanded.
    /// </summary>
    public ImmutableArray<EnvVar> Env { get; init; } = [];

    /// <summary>
    /// The phases that have commands, in the order they run. Besides Travis's there may be <c>export</c>,
    /// <c>setup</c> and
    /// <c>announce</c> in front: what the language does before <c>before_install</c>.
    /// </summary>
    public required ImmutableArray<Phase> Phases { get; init; }

    /// <summary>What to run after a job that passed, but never for a pull request (Travis's <c>deploy</c>).</summary>
    public ImmutableArray<Deployment> Deployments { get; init; } = [];

    /// <summary>A red result does not make the build red.</summary>
    public bool AllowFailure { get; init; }

    /// <summary>How often it is tried again when it has failed or was errored while it ran.</summary>
    public int Retry { get; init; }

    /// <summary>What its <c>install</c> made is kept as a layer and used again; null when it is not wished for.</summary>
    public AppLayerWish? AppLayer { get; init; }

    /// <summary>The stage's name, or null when the configuration has no stages.</summary>
    public string? Stage { get; init; }

    public string Os { get; init; } = "linux";

    public string Arch { get; init; } = "amd64";

    /// <summary>What small addons ask for.</summary>
    public JobAddons Addons { get; init; } = new();

    /// <summary>Debian packages to install before the first phase (Travis's apt addon).</summary>
    public ImmutableArray<string> AptPackages { get; init; } = [];

    /// <summary>
    /// What is installed where one of them is not in the bundle's Debian; none unless the nearest version is wanted.
    /// </summary>
    public ImmutableArray<AptStandIn> AptStandIns { get; init; } = [];

    /// <summary>What runs beside it, on its localhost.</summary>
    public ImmutableArray<JobService> Services { get; init; } = [];

    /// <summary>The output goes through a pseudo-terminal, as Travis had it; false gives pipes.</summary>
    public bool Tty { get; init; } = true;

    /// <summary>Submodules are checked out too (Travis's <c>git: submodules</c>).</summary>
    public bool Submodules { get; init; } = true;

    /// <summary>Less than the operator allows, where the configuration asks for less.</summary>
    public LimitsWish? Limits { get; init; }

    /// <summary>Why this job cannot run here at all, or null. It is errored before it is queued.</summary>
    public JobImpossible? Impossible { get; init; }

    /// <summary>What a reader should know about this job though it runs; printed at the top of its log.</summary>
    public ImmutableArray<string> Notes { get; init; } = [];
}

/// <summary>One variable that the configuration sets.</summary>
/// <param name="Name">A shell name.</param>
/// <param name="Value">A bash word as the configuration wrote it, quotes and <c>$references</c> included.</param>
/// <param name="FromMatrix">It is this cell's, not everybody's.</param>
public sealed record EnvVar(string Name, string Value, bool FromMatrix = false);

/// <summary>Why a job cannot run here.</summary>
/// <param name="Reason">A code of <see cref="JobReason"/>.</param>
/// <param name="Sentence">What is missing, and the remedy.</param>
/// <param name="Nearest">The nearest version that is here, or null when none is near.</param>
public sealed record JobImpossible(string Reason, string Sentence, string? Nearest = null);
