namespace TestGrid.Core.Builds;

/// <summary>A registered repository, as an order carries it.</summary>
/// <param name="Id">The store's key.</param>
/// <param name="Host">The git host's name (<c>github.com</c>), or <c>local</c> for a path of this machine.</param>
/// <param name="Slug"><c>owner/name</c>: what people and Travis call it, and where it stands in a sandbox.</param>
/// <param name="Url">The registered address (https, ssh, or a path the operator gave). Never one out of a payload.</param>
public sealed record RepositoryRef(long Id, string Host, string Slug, string Url);
