using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Endings;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Reporting;

namespace TestGrid.Runner;

/// <summary>Takes jobs, as many at a time as it has room for: a slot first, then an order, then its lease.</summary>
public sealed partial class Worker(
    IOptions<RunnerOptions> options,
    IJobQueue queue,
    IJobReporter reporter,
    JobRunner runner,
    TimeProvider time,
    ILogger<Worker> log
) : BackgroundService
{
    // Its answer carries a cancellation to a job that is silent: as often as a person is willing to wait.
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);

    // The server or the broker is away: not a reason to spin, and not to wait for long.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private string Name => options.Value.Name;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Value.Slots == 0)
            return;
        // What an earlier life left must be gone before its jobs start again.
        await runner.SweepAsync(stoppingToken);
        await reporter.ReleaseAllAsync(Name, stoppingToken);

        using var slots = new SemaphoreSlim(options.Value.Slots);
        var running = new List<Task>();
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                await slots.WaitAsync(stoppingToken);
                running.RemoveAll(job => job.IsCompleted);
                running.Add(TakeOneAsync(slots, stoppingToken));
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Jobs have been told by the same token; they give their leases back below.
        }
        await Task.WhenAll(running);
        await runner.KeepNoneAsync();
    }

    private async Task TakeOneAsync(SemaphoreSlim slots, CancellationToken stop)
    {
        try
        {
            JobId rung;
            JobClaim? claim;
            await using (var delivery = await queue.ReceiveAsync(Name, stop))
            {
                rung = delivery.Order.Id;
                claim = await reporter.ClaimAsync(rung, Name, stop);
                // A crash before this line: the order comes again, and the second claim is refused or a new attempt.
                await delivery.AcknowledgeAsync(CancellationToken.None);
            }
            // The message only rings. A broker may hold one of an older store, or of a stranger, and the claim brings
            // secrets: what runs is the order that the server has.
            if (claim is not null)
                await RunAsync(
                    claim.Order ?? throw new InvalidOperationException($"Job {rung} has no order"),
                    claim,
                    stop
                );
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Nothing was claimed: there is nothing to give back.
        }
        catch (Exception e)
        {
            Stumbled(log, e);
            await Task.Delay(Pause, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            slots.Release();
        }
    }

    private async Task RunAsync(JobOrder order, JobClaim claim, CancellationToken stop)
    {
        using var ending = new Ending(order.Limits, time, stop);
        using var renewing = new CancellationTokenSource();
        var renewal = RenewAsync(claim, ending, renewing.Token);
        try
        {
            var cause = await runner.RunAsync(order, claim, reporter, ending);
            if (cause is EndingCause.Judged(var verdict))
                await reporter.ReportAsync(claim.Lease, new JobFinished(verdict), CancellationToken.None);
            else if (cause is EndingCause.RunnerGoesAway)
                await reporter.ReleaseAsync(claim.Lease, $"runner {Name} is stopping", CancellationToken.None);
        }
        finally
        {
            await renewing.CancelAsync();
            await renewal;
        }
    }

    private async Task RenewAsync(JobClaim claim, Ending ending, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                await Task.Delay(Heartbeat, time, stop);
                try
                {
                    ending.Obey(await reporter.RenewAsync(claim.Lease, stop));
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    Stumbled(log, e); // the next try may reach it; if not, the lease runs out and we are fenced
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The job is over.
        }
    }

    [LoggerMessage(LogLevel.Error, "A worker's turn failed; it goes on")]
    private static partial void Stumbled(ILogger log, Exception e);
}
