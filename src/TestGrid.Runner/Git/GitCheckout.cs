using LibGit2Sharp;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Git;

/// <summary>
/// Writes one commit of a mirror into an empty folder, with a <c>.git</c> that works in a sandbox. Blocking.
/// Nothing in the folder is ever opened through a link: libgit2 replaces links instead of following them, and the
/// walk that hands the files over looks at each without following.
/// </summary>
internal sealed class GitCheckout(GitOptions options, CancellationToken stop)
{
    /// <param name="mirror">The bare mirror.</param>
    /// <param name="sha">The commit.</param>
    /// <param name="folder">The empty folder that becomes the work tree.</param>
    /// <param name="git">Where its <c>.git</c> stands: in it, or in a parent's <c>.git/modules</c>.</param>
    /// <param name="contents">What its <c>.git</c> holds beside the index.</param>
    /// <returns>The submodules that the commit names, <c>.gitmodules</c>' text, and what the files take.</returns>
    public (List<(string Path, string Sha)> Links, string? Modules, long Bytes) Run(
        string mirror,
        string sha,
        string folder,
        string git,
        GitFolder contents
    )
    {
        Directory.CreateDirectory(folder);
        contents.Write(git);
        var index = Path.Combine(git, "index");
        var how = new RepositoryOptions { WorkingDirectoryPath = folder, IndexPath = index };
        using var repository = new Repository(mirror, how);
        var commit = Find(repository, sha) ?? throw new CommitGoneException($"Commit {sha} is not in the repository.");
        var check = new GitTreeCheck(options, stop);
        check.Check(repository, commit.Tree);
        try
        {
            repository.Checkout(
                commit.Tree,
                null,
                new CheckoutOptions
                {
                    CheckoutModifiers = CheckoutModifiers.Force,
                    OnCheckoutProgress = (_, _, _) => stop.ThrowIfCancellationRequested(),
                }
            );
        }
        catch (LibGit2SharpException e)
        {
            stop.ThrowIfCancellationRequested();
            throw new GitFetchException($"Commit {sha} cannot be checked out: {e.Message}", e);
        }
        Posix.Dress(folder, null, TimeOf(commit));
        GitIndexFile.Rewrite(index, TimeOf(commit));
        return (check.Links, Blob(commit, ".gitmodules"), check.Bytes);
    }

    /// <summary>The commit by its full name, or null.</summary>
    public static Commit? Find(Repository repository, string sha) =>
        ObjectId.TryParse(sha, out var id) ? repository.Lookup<Commit>(id) : null;

    /// <summary>The refs of a mirror as a clone of it would have them.</summary>
    public static List<(string Name, string Sha, string? Peeled)> RefsAsCloned(string mirror, string sha)
    {
        using var repository = new Repository(mirror);
        var refs = new List<(string, string, string?)>();
        foreach (var reference in repository.Refs.OfType<DirectReference>())
        {
            var (name, target) = (reference.CanonicalName, reference.TargetIdentifier);
            if (name.StartsWith("refs/tags/", StringComparison.Ordinal))
            {
                var peeled = reference.Target is TagAnnotation tag ? tag.Target.Sha : null;
                refs.Add((name, target, peeled));
            }
            else if (name.StartsWith("refs/heads/", StringComparison.Ordinal))
            {
                refs.Add(("refs/remotes/origin/" + name["refs/heads/".Length..], target, null));
                if (target == sha)
                    refs.Add((name, target, null));
            }
        }
        return refs;
    }

    private static string? Blob(Commit commit, string path) =>
        commit[path] is { TargetType: TreeEntryTargetType.Blob, Mode: not Mode.SymbolicLink, Target: Blob blob }
        && blob.Size < 256 << 10
            ? blob.GetContentText()
            : null;

    // All files have the commit's time, so a later change in a job is always seen, whatever the second; and make
    // finds nothing to be older than what it was made from.
    private static long TimeOf(Commit commit) =>
        Math.Clamp(commit.Committer.When.ToUnixTimeSeconds(), 315_532_800, uint.MaxValue / 2);
}
