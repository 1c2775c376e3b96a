using TestGrid.Core.Builds;

namespace TestGrid.Server.Store;

/// <summary>A registered repository.</summary>
/// <param name="Host">The git host's name (<c>github.com</c>), or <c>local</c> for a path of this machine.</param>
/// <param name="Slug"><c>owner/name</c></param>
/// <param name="Url">https, ssh, or a path the operator gave.</param>
/// <param name="SharesConfig">Configurations of other repositories may import its files.</param>
/// <param name="PullRequests">Which pull requests are built.</param>
public sealed record Repository(
    long Id,
    string Host,
    string Slug,
    string Url,
    DateTimeOffset CreatedAt,
    bool SharesConfig = false,
    PullRequestRule PullRequests = PullRequestRule.Own
)
{
    public RepositoryRef Ref => new(Id, Host, Slug, Url);
}

/// <summary>Which pull requests of a repository are built.</summary>
public enum PullRequestRule
{
    None,

    /// <summary>Those from its own branches: whoever made one may push anyway.</summary>
    Own,

    /// <summary>Those from forks too: a stranger's, who gets no secrets and this machine's time.</summary>
    All,
}
