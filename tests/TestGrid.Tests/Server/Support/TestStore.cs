using Microsoft.Extensions.Logging.Abstractions;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Server.Recording;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Server.Support;

/// <summary>A real store in a folder of its own, and the doers that stand on it, without a web server.</summary>
public sealed class TestStore : IAsyncDisposable
{
    private readonly TempFolder? own;

    public TestStore(TimeProvider time, string? path = null)
    {
        if (path is null)
            own = new TempFolder();
        Path = path ?? own!.Path;
        Time = time;
        Database = SqliteDatabase.Open(System.IO.Path.Combine(Path, "testgrid.db"));
        Logs = new LogFiles(System.IO.Path.Combine(Path, "logs"));
        Repositories = new RepositoryStore(Database, new SecretBox(new byte[32]), time);
        Deliveries = new DeliveryStore(Database, time);
        Builds = new BuildStore(Database, time);
        Jobs = new JobStore(Database, Repositories, time);
        Leases = new Leases(Database, new LeaseOptions(), time);
        Views = new BuildViews(Database, Logs);
        Queue = new SqliteJobQueue(Database);
        Recorder = new Recorder(Jobs, Leases, Logs, Bells, time, NullLogger<Recorder>.Instance);
    }

    public string Path { get; }
    public TimeProvider Time { get; }
    public SqliteDatabase Database { get; }
    public LogFiles Logs { get; }
    public RepositoryStore Repositories { get; }
    public DeliveryStore Deliveries { get; }
    public BuildStore Builds { get; }
    public JobStore Jobs { get; }
    public Leases Leases { get; }
    public BuildViews Views { get; }
    public SqliteJobQueue Queue { get; }
    public Bells Bells { get; } = new();
    public Recorder Recorder { get; }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>A planned build with these jobs, in a repository of its own name.</summary>
    public async Task<long> AddBuildAsync(CiConfig config, string slug = "us/them")
    {
        var repository = Repositories.FindAll(slug) is [var known, ..]
            ? known
            : (await Repositories.AddAsync("local", slug, "/srv/them", Stop))!.Value.Repository;
        var build = await Builds.AddAsync(new BuildRequest(repository.Id, Some.Trigger()), Stop);
        var unplanned = Builds.NextUnplanned([])!;
        Assert.Equal(build, unplanned.Id);
        var orders = config.Jobs.Select(
            (job, index) =>
                new JobOrder(
                    new JobId(build, index + 1),
                    unplanned.Number,
                    repository.Ref,
                    unplanned.Trigger,
                    job,
                    JobLimits.Default
                )
        );
        var plan = new BuildPlan(
            Some.Commit(),
            config.File,
            config.Axes,
            config.Problems,
            config.FastFinish,
            [.. orders],
            config.FailFast,
            config.MaxParallel
        );
        Assert.True(await Builds.PlanAsync(build, plan, Stop));
        return build;
    }

    /// <summary>Leaves the file as a crash would: nothing is said goodbye to.</summary>
    public async Task AbandonAsync() => await Database.DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        Logs.Dispose();
        Queue.Dispose();
        await Database.DisposeAsync();
        own?.Dispose();
    }
}
