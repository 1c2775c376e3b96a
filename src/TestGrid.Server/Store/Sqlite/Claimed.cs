using System.Collections.Immutable;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Git;

namespace TestGrid.Server.Store.Sqlite;

/// <summary>What a claim gave.</summary>
/// <param name="Attempt">From 1.</param>
/// <param name="Token">The fencing token.</param>
/// <param name="Bundle">What the build runs on, if that is decided.</param>
/// <param name="ServiceBundles">The same for each recipe of the job's services.</param>
public sealed record Claimed(
    int Attempt,
    string Token,
    ImmutableSortedDictionary<string, string> Secrets,
    GitCredential? Credential,
    JobOrder Order,
    string? Before,
    BundleDigest? Bundle,
    ImmutableSortedDictionary<string, BundleDigest> ServiceBundles
);

/// <summary>A job that waits for the scheduler.</summary>
/// <param name="MaxParallel">The most jobs of its build at once; null for as many as there is room for.</param>
public sealed record WaitingJob(JobId Id, long Repository, string? WaitsFor, int? MaxParallel);
