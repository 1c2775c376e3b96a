using System.Collections.Immutable;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Git;

namespace TestGrid.Runner.Reporting;

/// <summary>
/// Seam: how a runner claims jobs and tells of them, in process or over HTTP. The lease is a row of the server's store
/// with an expiry; every call carries the attempt and its fencing token. Repeating a call does no harm.
/// </summary>
/// <remarks>Every implementation passes <c>tests/TestGrid.Tests/Contracts/ReporterContract.cs</c>.</remarks>
public interface IJobReporter
{
    /// <summary>Claims the job for this runner, or null when it is over, cancelled, or another's.</summary>
    ValueTask<JobClaim?> ClaimAsync(JobId job, string runner, CancellationToken stop);

    /// <summary>Heartbeat: the lease lasts another <see cref="JobClaim.LeaseTime"/> from now.</summary>
    ValueTask<JobWish> RenewAsync(JobLease lease, CancellationToken stop);

    /// <summary>
    /// Asked where the claim named no bundle: what the build runs on is <paramref name="mine"/>, unless another of its jobs
    /// on the same recipe has decided before. Null when the attempt is not this runner's any more.
    /// </summary>
    /// <param name="lease">Whose build it is.</param>
    /// <param name="service">The recipe of a service of the job's; null for what the job itself runs in.</param>
    /// <param name="mine">What this runner has.</param>
    /// <param name="stop">Ends the asking.</param>
    ValueTask<BundleDigest?> DecideBundleAsync(
        JobLease lease,
        string? service,
        BundleDigest mine,
        CancellationToken stop
    );

    /// <summary>Tells one event. Returns when it is durable.</summary>
    /// <exception cref="ReportGapException">Output starts beyond the end of what is known: something was left out.</exception>
    ValueTask<JobWish> ReportAsync(JobLease lease, JobEvent happened, CancellationToken stop);

    /// <summary>Gives the job back unfinished (the runner goes away): it waits for another attempt at once.</summary>
    ValueTask ReleaseAsync(JobLease lease, string why, CancellationToken stop);

    /// <summary>Called once when a runner starts: leases that an earlier life of it still holds are given back.</summary>
    ValueTask ReleaseAllAsync(string runner, CancellationToken stop);
}

/// <summary>The right to run one attempt of a job.</summary>
/// <param name="Job">The job.</param>
/// <param name="Attempt">From 1. Logs and events belong to an attempt.</param>
/// <param name="Token">The fencing token; a report with an older one is refused and changes nothing.</param>
public sealed record JobLease(JobId Job, int Attempt, string Token);

/// <summary>What a claim gives: the lease, and what must not stand in a message.</summary>
/// <param name="Lease">The right to run it.</param>
/// <param name="LeaseTime">How long it lasts without a heartbeat.</param>
/// <param name="Secrets">Environment variables whose values are masked in the log.</param>
/// <param name="Credential">How to fetch the repository, or null for an open one.</param>
/// <param name="Order">
/// The job as the server has it: that is what runs, whatever the message said that rang for it. Null where no message did.
/// </param>
/// <param name="Before">What became of the attempt before this one, in words for its log; null for the first.</param>
/// <param name="Bundle">
/// The bundle that the build runs on, and no other of the same recipe will do; null while none of its jobs has decided
/// (see <see cref="IJobReporter.DecideBundleAsync"/>).
/// </param>
public sealed record JobClaim(
    JobLease Lease,
    TimeSpan LeaseTime,
    ImmutableSortedDictionary<string, string> Secrets,
    GitCredential? Credential,
    JobOrder? Order = null,
    string? Before = null,
    BundleDigest? Bundle = null
)
{
    /// <summary>
    /// By the recipes of the job's services, the bundles that the build runs on, as <see cref="Bundle"/>; without those that
    /// are not decided yet.
    /// </summary>
    public ImmutableSortedDictionary<string, BundleDigest> ServiceBundles { get; init; } =
        ImmutableSortedDictionary<string, BundleDigest>.Empty;
}

/// <summary>Output was told that does not follow what is known. Nothing of it is kept: tell it again from where it broke.</summary>
public sealed class ReportGapException(string message) : Exception(message);
