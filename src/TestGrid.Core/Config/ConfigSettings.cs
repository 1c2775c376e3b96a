using System.Collections.Immutable;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config.Conditions;
using TestGrid.Core.Config.Imports;

namespace TestGrid.Core.Config;

/// <summary>
/// What reading a configuration depends on besides its text; given as data, so that reading does no IO.
/// </summary>
/// <param name="Offers">What the bundles here have, in the order in which they are preferred.</param>
/// <param name="Trigger">
/// What the build is for, for conditions; null when it is for nothing in particular (<c>config check</c>).
/// </param>
/// <param name="Slug">The repository's <c>owner/name</c>, for conditions.</param>
public sealed record ConfigSettings(ImmutableArray<BundleOffer> Offers, Trigger? Trigger = null, string Slug = "")
{
    /// <summary>
    /// A version that is not here runs in the nearest that is, and its log says so; else the job is errored. A file's own
    /// <c>versions: nearest</c> or <c>exact</c> wins.
    /// </summary>
    public bool NearestVersions { get; init; }

    /// <summary>The services that there are bundles for.</summary>
    public ImmutableArray<ServiceOffer> Services { get; init; } = [];

    /// <summary>
    /// A job whose service has no bundle here runs without it, and its log says so; else it is errored. A file's own
    /// <c>missing_services: warn</c> or <c>error</c> wins.
    /// </summary>
    public bool RunsWithoutServices { get; init; }

    /// <summary>
    /// What happened, where more is known of it than the trigger says: a pull request's branches. It wins over
    /// <see cref="Trigger"/> in conditions.
    /// </summary>
    public ConditionEvent? Event { get; init; }

    /// <summary>
    /// The files that the configuration imports, and everything they import: from
    /// <see cref="ConfigImports.CollectAsync"/>. As it is here, nobody has collected them, and each <c>import</c> is
    /// told.
    /// </summary>
    public ImmutableDictionary<ImportSource, ImportedFile> Imports
    {
        get;
        init => (field, AreImportsCollected) = (value, true);
    } = ImmutableDictionary<ImportSource, ImportedFile>.Empty;

    internal bool AreImportsCollected { get; private init; }

    /// <summary>
    /// An empty entry of <c>jobs.include</c> is a job, as Travis's manual says; its library drops it.
    /// </summary>
    internal bool IsEmptyIncludeJob { get; init; } = true;

    /// <summary>The most jobs of one build.</summary>
    public int MaxCells { get; init; } = 200;

    /// <summary>The most bytes of a file.</summary>
    public int MaxBytes { get; init; } = 256 << 10;

    /// <summary>The most levels of a file, aliases followed.</summary>
    public int MaxDepth { get; init; } = 50;
}
