using System.Collections.Immutable;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config.Imports;
using TestGrid.Runner.Git;

namespace TestGrid.Server.Planning;

/// <summary>What the planner asks a repository. One class gives it over the git mirror; tests give it from memory.</summary>
public abstract class CommitFiles
{
    /// <summary>The configuration at that commit: <c>.testgrid.yml</c>, else <c>.travis.yml</c>, else null.</summary>
    /// <exception cref="CommitGoneException">The commit is not in the repository (any more).</exception>
    /// <exception cref="GitFetchException">The repository cannot be fetched; the message says why, without a credential.</exception>
    public abstract ValueTask<CommitFile?> ReadConfigAsync(
        RepositoryRef repository,
        CommitRef commit,
        GitCredential? credential,
        CancellationToken stop
    );

    /// <summary>A file that a configuration imports.</summary>
    /// <param name="repository">The repository it is in.</param>
    /// <param name="revision">A branch, a tag or a commit; null for the default branch.</param>
    /// <param name="path">From the root.</param>
    /// <param name="credential">How to fetch the repository.</param>
    /// <param name="stop">Ends the asking.</param>
    /// <exception cref="GitFetchException">The repository cannot be fetched; the message says why, without a credential.</exception>
    public abstract ValueTask<ImportedFile> ReadImportAsync(
        RepositoryRef repository,
        string? revision,
        string path,
        GitCredential? credential,
        CancellationToken stop
    );

    /// <summary>
    /// The merge of a pull request into its base branch, as the host made it of that very head, with the head's message;
    /// null while there is none.
    /// </summary>
    /// <exception cref="GitFetchException">The repository cannot be fetched; the message says why, without a credential.</exception>
    public abstract ValueTask<CommitRef?> FindMergeAsync(
        RepositoryRef repository,
        PullRequest pull,
        GitCredential? credential,
        CancellationToken stop
    );

    /// <summary>The newest commit of a ref, complete with message and author.</summary>
    /// <param name="reference"><c>refs/heads/main</c>, <c>refs/tags/v1</c>, or <c>HEAD</c> for the default branch.</param>
    /// <exception cref="CommitGoneException">There is no such ref.</exception>
    /// <exception cref="GitFetchException">The repository cannot be fetched; the message says why, without a credential.</exception>
    public abstract ValueTask<CommitRef> ResolveAsync(
        RepositoryRef repository,
        string reference,
        GitCredential? credential,
        CancellationToken stop
    );
}

/// <summary>A file of a commit.</summary>
/// <param name="Name">Its name at the repository's root.</param>
/// <param name="Bytes">Its content.</param>
/// <param name="Refused">Why it is not read (a link, too large), or null.</param>
public sealed record CommitFile(string Name, ReadOnlyMemory<byte> Bytes, string? Refused = null);

/// <summary>The bundles of this machine. Asked for each build: there may be more of them.</summary>
/// <param name="Recipes">Those that exist, in the order in which they are preferred.</param>
/// <param name="Services">Those that serve beside a job.</param>
/// <param name="DigestOf">A recipe's bundle as it is now, or null where it was not built yet.</param>
/// <param name="ProblemOf">
/// What is wrong with a repository's own recipe: of its file's name, its text, and its lock's or null; null when nothing is.
/// </param>
public sealed record OfferedBundles(
    Func<ImmutableArray<BundleOffer>> Recipes,
    Func<ImmutableArray<ServiceOffer>> Services,
    Func<string, BundleDigest?> DigestOf,
    Func<string, string, string?, string?> ProblemOf
);
