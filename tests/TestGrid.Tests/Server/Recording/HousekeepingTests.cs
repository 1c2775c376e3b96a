using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Jobs;
using TestGrid.Server.Recording;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Recording;

public sealed class HousekeepingTests : IAsyncDisposable
{
    private readonly FakeTimeProvider time = new(DateTimeOffset.UnixEpoch.AddYears(50));
    private readonly TestStore store;

    public HousekeepingTests() => store = new TestStore(time);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => store.DisposeAsync();

    [Fact]
    public async Task Old_logs_go_and_what_still_runs_stays()
    {
        var old = await AddEndedAsync(100);
        var running = await store.AddBuildAsync(Some.Grid(Some.Config()));
        var lease = (await store.Recorder.ClaimAsync(new JobId(running, 1), "one", Stop))!.Lease;
        await store.Recorder.ReportAsync(lease, new OutputWritten(0, new byte[100]), Stop);
        time.Advance(TimeSpan.FromDays(91));
        var fresh = await AddEndedAsync(100);

        await KeepAsync(new RetentionOptions());

        Assert.Equal((0, 100, 100), (Bytes(old), Bytes(running), Bytes(fresh)));
        Assert.Equal(JobState.Passed, store.Views.Job(new JobId(old, 1))!.Job.State); // what it said stays
    }

    [Fact]
    public async Task When_all_logs_are_too_large_the_oldest_go()
    {
        var builds = new List<long>();
        for (var i = 0; i < 4; i++)
            builds.Add(await AddEndedAsync(600 << 10));

        await KeepAsync(new RetentionOptions { LogBytes = 1300 << 10 });

        Assert.Equal([0, 0, 600 << 10, 600 << 10], builds.Select(Bytes));
    }

    [Fact]
    public async Task More_builds_than_one_answer_names_are_bounded_all_the_same()
    {
        var builds = new List<long>();
        for (var i = 0; i < 7; i++)
            builds.Add(await AddEndedAsync(400 << 10));

        await KeepAsync(new RetentionOptions { LogBytes = 1 << 20 }, atOnce: 2);

        Assert.Equal([0, 0, 0, 0, 0, 400 << 10, 400 << 10], builds.Select(Bytes));
        time.Advance(TimeSpan.FromDays(91));
        await KeepAsync(new RetentionOptions(), atOnce: 1);
        Assert.All(builds, build => Assert.Equal(0, Bytes(build)));
    }

    [Fact]
    public async Task What_running_builds_write_counts_too()
    {
        var ended = await AddEndedAsync(600 << 10);
        var running = await store.AddBuildAsync(Some.Grid(Some.Config()));
        var lease = (await store.Recorder.ClaimAsync(new JobId(running, 1), "one", Stop))!.Lease;
        await store.Recorder.ReportAsync(lease, new OutputWritten(0, new byte[600 << 10]), Stop);

        await KeepAsync(new RetentionOptions { LogBytes = 1 << 20 });

        Assert.Equal((0, 600 << 10), (Bytes(ended), Bytes(running)));
    }

    [Fact]
    public async Task Deliveries_are_bounded_by_number_and_age()
    {
        var (repository, _) = (await store.Repositories.AddAsync("local", "us/them", "/srv/them", Stop))!.Value;
        for (var i = 0; i < 20; i++)
        {
            if (i == 10)
                time.Advance(TimeSpan.FromDays(31));
            var delivery = new Delivery(repository.Id, "github", $"{i}", "ping", "");
            await store.Deliveries.AddAsync(delivery, DeliveryOutcome.Ignored, "a ping", Stop);
        }

        await KeepAsync(new RetentionOptions());
        Assert.Equal(10, store.Deliveries.List(repository.Id, 100).Length);
        await KeepAsync(new RetentionOptions { DeliveriesPerRepository = 3 });

        Assert.Equal(["19", "18", "17"], store.Deliveries.List(repository.Id, 100).Select(one => one.DeliveryId));
    }

    private async Task<long> AddEndedAsync(int bytes)
    {
        var build = await store.AddBuildAsync(Some.Grid(Some.Config()));
        var lease = (await store.Recorder.ClaimAsync(new JobId(build, 1), "one", Stop))!.Lease;
        await store.Recorder.ReportAsync(lease, new OutputWritten(0, new byte[bytes]), Stop);
        await store.Recorder.ReportAsync(lease, new JobFinished(Some.Passed), Stop);
        return build;
    }

    private long Bytes(long build) => store.Logs.Bytes(build);

    private async Task KeepAsync(RetentionOptions options, int atOnce = 1000)
    {
        using var stage = new Housekeeping(
            new RetentionStore(store.Database, time) { AtOnce = atOnce },
            store.Logs,
            store.Deliveries,
            options,
            time,
            NullLogger<Housekeeping>.Instance
        );
        await stage.KeepAsync(Stop);
    }
}
