using System.Collections.Immutable;
using LibGit2Sharp;
using TestGrid.Core.Builds;

namespace TestGrid.Runner.Git;

/// <summary>What branches, tags and pull requests stand at; each question fetches first.</summary>
public sealed partial class GitMirror
{
    /// <summary>
    /// Fetches, and gives the commit a branch stands at now; null when there is no such branch. A null name is the
    /// repository's first choice.
    /// </summary>
    public async ValueTask<CommitRef?> ResolveAsync(
        RepositoryRef repository,
        string? branch,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        var url = UrlOf(repository);
        var first = await FetchAsync(url, credential, stop, wantDefault: branch is null);
        using var mirror = new Repository(shelf.MirrorOf(url));
        var names = branch is null ? new[] { first, "main", "master" } : [branch];
        foreach (var name in names.OfType<string>())
        {
            if (mirror.Refs["refs/heads/" + name]?.ResolveToDirectReference()?.Target is Commit commit)
                return new CommitRef(commit.Sha, "refs/heads/" + name, commit.Message, commit.Author.Name);
        }
        return null;
    }

    /// <summary>
    /// The commit that a branch, a tag or a full object name means now, fetched unless it is a commit that is here;
    /// null when there is none. A null name is the repository's first choice.
    /// </summary>
    public async ValueTask<string?> FindAsync(
        RepositoryRef repository,
        string? revision,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        var url = UrlOf(repository);
        if (revision is null)
            return (await ResolveAsync(repository, null, credential, stop))?.Sha;
        if (ObjectId.TryParse(revision, out _) && Has(url, revision))
            return revision;
        await FetchAsync(url, credential, stop);
        using var mirror = new Repository(shelf.MirrorOf(url));
        var named = mirror.Refs["refs/heads/" + revision] ?? (Reference?)mirror.Refs["refs/tags/" + revision];
        var target = named?.ResolveToDirectReference()?.Target;
        while (target is TagAnnotation tag)
            target = tag.Target;
        return (target as Commit ?? GitCheckout.Find(mirror, revision))?.Sha;
    }

    /// <summary>
    /// Fetches, and gives the host's merge of a pull request into its base branch, if it is one of that very head; its
    /// message is the head's. The host makes a merge some time after it has told of the pull request.
    /// </summary>
    public async ValueTask<CommitRef?> FindMergeAsync(
        RepositoryRef repository,
        PullRequest pull,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        var url = UrlOf(repository);
        await FetchAsync(url, credential, stop, pullRequest: pull.Number);
        using var mirror = new Repository(shelf.MirrorOf(url));
        return
            mirror.Refs[pull.MergeRef]?.ResolveToDirectReference()?.Target is Commit merge
            && merge.Parents.ElementAtOrDefault(1) is { } head
            && head.Sha == pull.HeadSha
            ? new CommitRef(merge.Sha, pull.MergeRef, head.Message, head.Author.Name)
            : null;
    }

    /// <summary>Fetches, and gives all branches and where they stand.</summary>
    public async ValueTask<ImmutableArray<GitBranch>> BranchesAsync(
        RepositoryRef repository,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        var url = UrlOf(repository);
        await FetchAsync(url, credential, stop);
        using var mirror = new Repository(shelf.MirrorOf(url));
        return
        [
            .. mirror
                .Refs.OfType<DirectReference>()
                .Where(reference => reference.CanonicalName.StartsWith("refs/heads/", StringComparison.Ordinal))
                .Select(head => new GitBranch(head.CanonicalName["refs/heads/".Length..], head.TargetIdentifier)),
        ];
    }
}
