using TestGrid.Core.Orders;

namespace TestGrid.Runner.Git;

/// <summary>
/// Seam: gives the files of an order's commit as a folder that many jobs share read-only. Called from many jobs at
/// once;
/// the same commit is checked out once. Two implementations: a mirror of a repository, and this work tree (<c>run</c>).
/// </summary>
public interface IWorkspaceSource
{
    /// <exception cref="CommitGoneException">The commit is not in the repository (any more).</exception>
    /// <exception cref="GitFetchException">
    /// The repository cannot be fetched; the message says why, without a credential.
    /// </exception>
    ValueTask<Workspace> CheckOutAsync(JobOrder order, GitCredential? credential, CancellationToken stop);
}

/// <summary>
/// A commit's files, ready to be the lower layer of a job's overlay. Its files belong to the sandbox's user.
/// Dispose it when the job is over: until then it is not cleaned away.
/// </summary>
/// <param name="TreePath">The checked-out files with a working <c>.git</c>; never written to.</param>
/// <param name="ObjectsPath">
/// The mirror's object folder that <c>.git</c> borrows from, or null; shown read-only at
/// <see cref="ObjectsMountPoint"/>.
/// </param>
public abstract class Workspace(string TreePath, string? ObjectsPath) : IAsyncDisposable
{
    /// <summary>
    /// Where a sandbox shows <see cref="ObjectsPath"/>; <c>.git/objects/info/alternates</c> names it.
    /// </summary>
    public const string ObjectsMountPoint = "/opt/testgrid/objects";

    public string TreePath { get; } = TreePath;

    public string? ObjectsPath { get; } = ObjectsPath;

    public abstract ValueTask DisposeAsync();
}

/// <summary>The commit is not in the repository (any more): force-pushed away, or never there.</summary>
public sealed class CommitGoneException(string message) : Exception(message);

/// <summary>The repository cannot be fetched.</summary>
public sealed class GitFetchException(string message, Exception? cause = null) : Exception(message, cause);
