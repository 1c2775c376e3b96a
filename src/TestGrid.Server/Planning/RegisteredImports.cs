using TestGrid.Core.Builds;
using TestGrid.Core.Config.Imports;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Planning;

/// <summary>
/// What a configuration may import on a server: files of its own repository, and of registered ones whose owner has
/// allowed it. The configuration is a stranger's: without that word, who can open a pull request anywhere could read
/// the files of every repository here.
/// </summary>
public sealed class RegisteredImports(CommitFiles files, RepositoryStore repositories)
{
    /// <summary>Reads for one build.</summary>
    /// <param name="building">The repository that is built.</param>
    /// <param name="commit">The commit that is built: its own files are read there.</param>
    public ReadImport Of(Repository building, CommitRef commit) =>
        (source, stop) => ReadAsync(building, commit, source, stop);

    private async ValueTask<ImportedFile> ReadAsync(
        Repository building,
        CommitRef commit,
        ImportSource source,
        CancellationToken stop
    )
    {
        var from = source.Slug is null ? building : Named(building, source.Slug);
        if (from is null)
            return new ImportedFile.Refused(
                $"{source.Slug} is not registered here",
                "register it on the server: testgrid repo add URL"
            );
        if (from.Id != building.Id && !from.SharesConfig)
            return new ImportedFile.Refused(
                $"{from.Slug} does not let other repositories import its files",
                $"allow it on the server: testgrid repo set {from.Slug} --share-config on"
            );
        return await files.ReadImportAsync(
            from.Ref,
            source.Slug is null ? source.Ref ?? commit.Sha : source.Ref,
            source.Path,
            repositories.Credential(from.Id),
            stop
        );
    }

    // One name may be registered on several hosts: the one beside the building repository is meant.
    private Repository? Named(Repository building, string slug)
    {
        var all = repositories.FindAll(slug);
        return all.FirstOrDefault(one => one.Host == building.Host) ?? (all is [var only] ? only : null);
    }
}
