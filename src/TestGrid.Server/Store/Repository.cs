using TestGrid.Core.Builds;

namespace TestGrid.Server.Store;

/// <summary>A registered repository.</summary>
/// <param name="Host">The git host's name (<c>github.com</c>), or <c>local</c> for a path of this machine.</param>
/// <param name="Slug"><c>owner/name</c></param>
/// <param name="Url">https, ssh, or a path the operator gave.</param>
/// <param name="SharesConfig">Configurations of other repositories may import its files.</param>
public sealed record Repository(
    long Id,
    string Host,
    string Slug,
    string Url,
    DateTimeOffset CreatedAt,
    bool SharesConfig = false
)
{
    public RepositoryRef Ref => new(Id, Host, Slug, Url);
}
