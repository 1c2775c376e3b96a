using System.Collections.Immutable;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Orders;

namespace TestGrid.Server.Store;

/// <summary>A build that waits for its plan.</summary>
/// <param name="OnlyCell">The one cell to run, in a rerun of one job; else null.</param>
/// <param name="Tries">How often its repository could not be fetched so far.</param>
public sealed record UnplannedBuild(
    long Id,
    long Number,
    Repository Repository,
    Trigger Trigger,
    int? OnlyCell,
    int Tries
);

/// <summary>What the planner made of a build.</summary>
/// <param name="Commit">The commit, complete: a build started by hand learns its object name only now.</param>
/// <param name="Orders">One per job.</param>
/// <param name="FastFinish">The build is over when only allowed failures are left.</param>
/// <param name="FailFast">The first job that fails, and may not, ends the others.</param>
/// <param name="MaxParallel">The most of its jobs at once; null for as many as there is room for.</param>
/// <param name="Bundles">By recipe, what the build runs on, where this machine has it; else its first job decides.</param>
public sealed record BuildPlan(
    CommitRef Commit,
    string ConfigFile,
    ImmutableArray<string> Axes,
    ImmutableArray<ConfigProblem> Problems,
    bool FastFinish,
    ImmutableArray<JobOrder> Orders,
    bool FailFast = false,
    int? MaxParallel = null,
    ImmutableDictionary<string, BundleDigest>? Bundles = null
);
