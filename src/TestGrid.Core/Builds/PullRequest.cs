namespace TestGrid.Core.Builds;

/// <summary>A pull request whose merge is tested, in no git host's words. Names are untrusted text.</summary>
/// <param name="Number">The host's number of it.</param>
/// <param name="BaseBranch">The branch it is to go to.</param>
/// <param name="BaseSha">Where that branch stood.</param>
/// <param name="HeadSha">Its newest commit.</param>
/// <param name="HeadBranch">The branch it comes from.</param>
/// <param name="HeadSlug"><c>owner/name</c> of the repository it comes from; null when that is gone.</param>
/// <param name="IsFork">It comes from another repository: a stranger's, who gets no secrets.</param>
/// <param name="IsDraft">Its author says that it is not ready.</param>
public sealed record PullRequest(
    int Number,
    string BaseBranch,
    string BaseSha,
    string HeadSha,
    string HeadBranch,
    string? HeadSlug,
    bool IsFork,
    bool IsDraft = false
)
{
    /// <summary>Where the host keeps the merge of it into its base branch.</summary>
    public string MergeRef => $"refs/pull/{Number}/merge";
}
