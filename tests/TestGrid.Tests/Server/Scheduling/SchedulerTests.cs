using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Link;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Queues.RabbitMq;
using TestGrid.Server.Recording;
using TestGrid.Server.Scheduling;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Scheduling;

public sealed class SchedulerTests : IAsyncDisposable
{
    private const string NoWords = "its turn"; // of a job that the stage has not looked at yet

    private readonly TestStore store = new(new FakeTimeProvider());

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => store.DisposeAsync();

    [Fact]
    public async Task Only_what_runners_have_room_for_is_queued_the_oldest_first()
    {
        var room = Room();
        await using var stage = await StartAsync(room);
        var first = await AddAsync(3);
        var second = await AddAsync(1);
        room.Set("one", 2);

        await UntilAsync(() =>
            StateOf(first, 2) is JobState.Queued
            && WaitsFor(second, 1)?.StartsWith("no free", StringComparison.Ordinal) == true
        );

        Assert.Equal((JobState.Queued, JobState.Queued), (StateOf(first, 1), StateOf(first, 2)));
        Assert.Equal("no free slot (2 of 2 busy)", WaitsFor(first, 3));
        Assert.Equal("no free slot (2 of 2 busy)", WaitsFor(second, 1));
        await FinishNextAsync();
        await UntilAsync(() => StateOf(first, 3) is JobState.Queued);
        Assert.Equal(JobState.Waiting, StateOf(second, 1));
        Assert.Equal("a runner that takes it from the queue", WaitsFor(first, 3));
    }

    [Fact]
    public async Task Without_a_runner_a_job_says_so()
    {
        await using var stage = await StartAsync(Room());
        var build = await AddAsync(1);

        await UntilAsync(() => WaitsFor(build, 1) != NoWords);

        Assert.Equal("no runner is connected", WaitsFor(build, 1));
    }

    [Fact]
    public async Task A_job_that_nobody_has_looked_at_yet_waits_for_its_turn()
    {
        var build = await AddAsync(1);

        Assert.Equal((JobState.Waiting, NoWords), (StateOf(build, 1), WaitsFor(build, 1)));
    }

    [Fact]
    public async Task A_job_says_which_runner_it_misses()
    {
        var room = Room();
        var time = (FakeTimeProvider)store.Time;
        room.Hear(new RunnerHello("b1", 1, new RunnerOffer("1", "Debian", "x64", ["native"], [])));
        time.Advance(TimeSpan.FromMinutes(1));
        await using var stage = await StartAsync(room);
        var build = await AddAsync(2);
        await UntilAsync(() => WaitsFor(build, 1) != NoWords);
        Assert.Equal("no runner is connected: runner b1 is away", WaitsFor(build, 1));

        room.Set("embedded", 1);
        await UntilAsync(() => WaitsFor(build, 2)?.StartsWith("no free", StringComparison.Ordinal) == true);

        Assert.Equal("no free slot (1 of 1 busy; runner b1 is away)", WaitsFor(build, 2));
    }

    [Fact]
    public async Task One_repository_leaves_room_for_others()
    {
        var room = Room(perRepository: 1);
        await using var stage = await StartAsync(room);
        var mine = await AddAsync(2);
        var other = await AddAsync(1, "us/others");
        room.Set("one", 3);

        await UntilAsync(() =>
            StateOf(other, 1) is JobState.Queued
            && WaitsFor(mine, 2)?.Contains("limit", StringComparison.Ordinal) == true
        );

        Assert.Equal((JobState.Queued, JobState.Waiting), (StateOf(mine, 1), StateOf(mine, 2)));
    }

    [Fact]
    public async Task No_more_jobs_of_a_build_than_it_says_are_queued_at_once()
    {
        var room = Room();
        await using var stage = await StartAsync(room);
        var grid = Some.Grid([.. Enumerable.Range(1, 3).Select(n => Some.Config($"{n}"))]) with { MaxParallel = 1 };
        var build = await store.AddBuildAsync(grid);
        var other = await AddAsync(1);
        room.Set("one", 4);

        await UntilAsync(() =>
            StateOf(other, 1) is JobState.Queued
            && WaitsFor(build, 3) == "1 jobs of its build run, which is max_parallel"
        );

        Assert.Equal((JobState.Queued, JobState.Waiting), (StateOf(build, 1), StateOf(build, 2)));
        await FinishNextAsync();
        await UntilAsync(() => StateOf(build, 2) is JobState.Queued);
        Assert.Equal(JobState.Waiting, StateOf(build, 3));
    }

    [Fact]
    public async Task A_job_cancelled_in_the_queue_is_refused_to_whoever_takes_it()
    {
        var room = Room();
        await using var stage = await StartAsync(room);
        var build = await AddAsync(1);
        room.Set("one", 1);
        await UntilAsync(() => StateOf(build, 1) is JobState.Queued);
        await store.Recorder.CancelAsync(new JobId(build, 1), "ada", Stop);

        await using var delivery = await store.Queue.ReceiveAsync("one", Stop);

        Assert.Null(await store.Recorder.ClaimAsync(delivery.Order.Id, "one", Stop));
    }

    [Fact]
    public async Task A_job_that_says_queued_and_is_on_no_queue_waits_again()
    {
        var build = await AddAsync(1);
        await store.Jobs.EnqueuedAsync(new JobId(build, 1), Stop); // the crash came before the queue had it

        Assert.Equal([new JobId(build, 1)], await store.Leases.RequeueStrayAsync(Stop));

        Assert.Equal(JobState.Waiting, StateOf(build, 1));
    }

    [Fact]
    public async Task While_the_queue_is_away_every_job_waits_and_says_for_what()
    {
        // A real queue whose broker is not there.
        await using var queue = BrokenQueue();
        var room = Room();
        await using var stage = await StartAsync(room, queue);
        var build = await AddAsync(3);
        room.Set("one", 2);

        await UntilAsync(() => WaitsFor(build, 3)?.Contains("away", StringComparison.Ordinal) == true);

        const string Words = "the queue at 127.0.0.1:9 is away: connection refused; trying again";
        for (var cell = 1; cell <= 3; cell++)
            Assert.Equal((JobState.Waiting, Words), (StateOf(build, cell), WaitsFor(build, cell)));
    }

    [Fact]
    public async Task A_job_that_stays_on_a_queue_of_its_own_for_a_minute_waits_again()
    {
        var time = (FakeTimeProvider)store.Time;
        await using var queue = BrokenQueue();
        var build = await AddAsync(2);
        foreach (var cell in new[] { 1, 2 })
            await store.Jobs.EnqueuedAsync(new JobId(build, cell), Stop);
        var claim = await store.Recorder.ClaimAsync(new JobId(build, 2), "one", Stop);
        using var lost = new LostJobs(
            store.Recorder,
            store.Leases,
            queue,
            store.Bells,
            time,
            NullLogger<LostJobs>.Instance
        );
        var begun = time.GetTimestamp();
        await lost.StartAsync(Stop);

        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(5)); // it waits for our clock, and rings for nobody
        while (StateOf(build, 1) is JobState.Queued && time.GetElapsedTime(begun) < TimeSpan.FromMinutes(10))
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await store.Recorder.RenewAsync(claim!.Lease, Stop);
            await tick.WaitForNextTickAsync(Stop);
        }
        await lost.StopAsync(Stop);

        Assert.Equal((JobState.Waiting, JobState.Running), (StateOf(build, 1), StateOf(build, 2)));
        Assert.True(time.GetElapsedTime(begun) > TimeSpan.FromMinutes(1));
    }

    private static RabbitMqJobQueue BrokenQueue() =>
        new(
            new QueueOptions { Url = "amqp://127.0.0.1:9" },
            TimeProvider.System,
            NullLogger<RabbitMqJobQueue>.Instance
        );

    private RunnerRoom Room(int perRepository = 0) =>
        new(new SchedulingOptions { PerRepository = perRepository }, store.Bells, store.Time);

    private async Task<Running> StartAsync(RunnerRoom room, IJobQueue? queue = null)
    {
        var scheduler = new Scheduler(
            store.Jobs,
            queue ?? store.Queue,
            room,
            store.Bells,
            store.Time,
            NullLogger<Scheduler>.Instance
        );
        await scheduler.StartAsync(Stop);
        return new Running(scheduler);
    }

    private async Task<long> AddAsync(int jobs, string slug = "us/them")
    {
        var grid = Some.Grid([.. Enumerable.Range(1, jobs).Select(n => Some.Config($"{n}"))]);
        var build = await store.AddBuildAsync(grid, slug);
        store.Bells.Room.Ring();
        return build;
    }

    private async Task FinishNextAsync()
    {
        await using var delivery = await store.Queue.ReceiveAsync("one", Stop);
        var lease = (await store.Recorder.ClaimAsync(delivery.Order.Id, "one", Stop))!.Lease;
        await delivery.AcknowledgeAsync(Stop);
        await store.Recorder.ReportAsync(lease, new JobFinished(Some.Passed), Stop);
    }

    // Every change rings the list's bell, so this waits for the change and for no time.
    private async Task UntilAsync(Func<bool> isThere)
    {
        while (true)
        {
            var ring = store.Bells.Builds.NextRing;
            if (isThere())
                return;
            await ring.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        }
    }

    private JobState StateOf(long build, int cell) => store.Views.Job(new JobId(build, cell))!.Job.State;

    private string? WaitsFor(long build, int cell) => store.Views.Job(new JobId(build, cell))!.Job.WaitsFor;

    private sealed class Running(Scheduler scheduler) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await scheduler.StopAsync(CancellationToken.None);
            scheduler.Dispose();
        }
    }
}
