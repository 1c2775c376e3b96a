using System.Collections.Immutable;
using TestGrid.Server.Access;
using TestGrid.Server.Recording;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Dashboard;

/// <summary>Repositories as lists and pages show them.</summary>
public sealed class RepositoryViews(RepositoryStore repositories, DeliveryStore deliveries, PublicAddress address)
{
    public ImmutableArray<RepositoryRecord> List() => [.. repositories.List().Select(Record)];

    public RepositoryRecord? Find(long id) => repositories.Find(id) is { } repository ? Record(repository) : null;

    private RepositoryRecord Record(Repository repository) =>
        new(
            repository.Id,
            repository.Host,
            repository.Slug,
            repository.Url,
            repository.CreatedAt,
            address.OfHook(repository.Id),
            repositories.SecretNames(repository.Id),
            deliveries.List(repository.Id, 1).FirstOrDefault(),
            repository.SharesConfig,
            repository.PullRequests
        );
}

/// <summary>Takes a repository off: what it still runs is cancelled, its secrets are forgotten, its builds stay readable.</summary>
public sealed class RepositoryRemoval(RepositoryStore repositories, BuildViews builds, Recorder recorder, Bells bells)
{
    public async Task<bool> RemoveAsync(long id, string who, CancellationToken stop)
    {
        if (repositories.Find(id) is null)
            return false;
        foreach (var build in builds.Unfinished(id))
            await recorder.CancelBuildAsync(build, $"{who}, who removed the repository", stop);
        var removed = await repositories.RemoveAsync(id, stop);
        bells.Repositories.Ring();
        return removed;
    }
}
