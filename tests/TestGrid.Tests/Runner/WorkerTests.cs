using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Git;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Reporting;
using TestGrid.Runner.Sandboxes;
using TestGrid.Tests.Server.Support;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner;

/// <summary>What a worker does in which order, with a queue and a server that do as they are told.</summary>
public sealed class WorkerTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly Scripted scripted = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_slot_is_taken_before_an_order_is()
    {
        var answer = new TaskCompletionSource<JobClaim?>(TaskCreationOptions.RunContinuationsAsynchronously);
        scripted.Claims = _ => answer.Task;
        using var worker = await StartAsync();
        scripted.Orders.Writer.TryWrite(Some.Order(1));
        scripted.Orders.Writer.TryWrite(Some.Order(2));
        Assert.Equal("receive, claim 1.1", await scripted.HeardAsync(2));

        answer.SetResult(null);

        // The second is asked for when the first has let its slot go, and not before.
        Assert.Equal("receive, claim 1.1, acknowledge 1.1, done 1.1, receive, claim 1.2", await scripted.HeardAsync(6));
        await worker.StopAsync(Stop);
    }

    [Fact]
    public async Task An_order_whose_claim_failed_goes_back_unacknowledged()
    {
        scripted.Claims = _ => throw new QueueAwayException(new QueueTrouble("the server is away", ""));
        using var worker = await StartAsync();
        scripted.Orders.Writer.TryWrite(Some.Order(1));

        Assert.Equal("receive, claim 1.1, done 1.1", await scripted.HeardAsync(3));
        await worker.StopAsync(Stop);
    }

    [Fact]
    public async Task What_runs_is_the_order_that_the_server_has()
    {
        var own = Some.Order(1);
        var lease = new JobLease(own.Id, 1, "token");
        scripted.Claims = _ =>
            Task.FromResult<JobClaim?>(
                new(
                    lease,
                    TimeSpan.FromMinutes(1),
                    System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty,
                    null,
                    own
                )
            );
        using var worker = await StartAsync();
        scripted.Orders.Writer.TryWrite(own with { Repository = own.Repository with { Url = "/srv/of-a-stranger" } });

        Assert.EndsWith("check out /srv/them", await scripted.HeardAsync(5), StringComparison.Ordinal);
        await worker.StopAsync(Stop);
    }

    public void Dispose() => folder.Dispose();

    private async Task<Worker> StartAsync()
    {
        var options = Options.Create(
            new RunnerOptions
            {
                Name = "one",
                Slots = 1,
                StatePath = Path.Combine(folder.Path, "state"),
                KeepFreeBytes = 0,
            }
        );
        var bundles = TestBundles.StoreAt(Path.Combine(folder.Path, "bundles"), Path.Combine(folder.Path, "recipes"));
        var ground = new JobGround(
            options,
            Options.Create(new BundleOptions { RootPath = folder.Path }),
            Options.Create(new GitOptions { RootPath = folder.Path })
        );
        var jobs = new JobRunner(
            ground,
            new JobPlaces(ground, bundles, TestBundles.JobsOf(bundles), scripted, scripted, TimeProvider.System),
            new LeavingPlaces(ground, NullLogger<LeavingPlaces>.Instance),
            new KeptPlaces(Options.Create(new RunnerOptions()), TimeProvider.System, NullLogger<KeptPlaces>.Instance),
            TimeProvider.System,
            NullLogger<JobRunner>.Instance
        );
        var worker = new Worker(options, scripted, scripted, jobs, TimeProvider.System, NullLogger<Worker>.Instance);
        await worker.StartAsync(Stop);
        return worker;
    }

    private sealed class Scripted : IJobQueue, IJobReporter, IWorkspaceSource, ISandboxEngine
    {
        private readonly Channel<string> heard = Channel.CreateUnbounded<string>();
        private readonly List<string> all = [];

        public Channel<JobOrder> Orders { get; } = Channel.CreateUnbounded<JobOrder>();

        public Func<JobId, Task<JobClaim?>> Claims { get; set; } = _ => Task.FromResult<JobClaim?>(null);

        public string Name => "scripted";

        public void Hear(string what) => heard.Writer.TryWrite(what);

        /// <summary>Waits till so much was heard; gives all of it.</summary>
        public async Task<string> HeardAsync(int count)
        {
            while (all.Count < count)
                all.Add(await heard.Reader.ReadAsync(Stop));
            return string.Join(", ", all);
        }

        public async ValueTask<JobDelivery> ReceiveAsync(string runner, CancellationToken stop)
        {
            Hear("receive");
            return new Delivery(await Orders.Reader.ReadAsync(stop), this);
        }

        public async ValueTask<JobClaim?> ClaimAsync(JobId job, string runner, CancellationToken stop)
        {
            Hear($"claim {job}");
            return await Claims(job);
        }

        public ValueTask<Workspace> CheckOutAsync(JobOrder order, GitCredential? credential, CancellationToken stop)
        {
            Hear($"check out {order.Repository.Url}");
            throw new GitFetchException("not in this test");
        }

        public ValueTask<JobWish> RenewAsync(JobLease lease, CancellationToken stop) => new(JobWish.CarryOn);

        public ValueTask<BundleDigest?> DecideBundleAsync(
            JobLease lease,
            string? service,
            BundleDigest mine,
            CancellationToken stop
        ) => new(mine);

        public ValueTask<JobWish> ReportAsync(JobLease lease, JobEvent happened, CancellationToken stop) =>
            new(JobWish.CarryOn);

        public ValueTask ReleaseAsync(JobLease lease, string why, CancellationToken stop) => ValueTask.CompletedTask;

        public ValueTask ReleaseAllAsync(string runner, CancellationToken stop) => ValueTask.CompletedTask;

        public ValueTask PublishAsync(JobOrder order, CancellationToken stop) => throw new NotSupportedException();

        public ValueTask<Sandbox> CreateAsync(SandboxSpec spec, CancellationToken stop) =>
            throw new NotSupportedException();

        public ValueTask SweepAsync(CancellationToken stop) => ValueTask.CompletedTask;
    }

    private sealed class Delivery(JobOrder order, Scripted scripted) : JobDelivery(order)
    {
        public override ValueTask AcknowledgeAsync(CancellationToken stop)
        {
            scripted.Hear($"acknowledge {Order.Id}");
            return ValueTask.CompletedTask;
        }

        public override ValueTask DisposeAsync()
        {
            scripted.Hear($"done {Order.Id}");
            return ValueTask.CompletedTask;
        }
    }
}
