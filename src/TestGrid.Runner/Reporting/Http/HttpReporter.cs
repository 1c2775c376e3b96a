using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Link;

namespace TestGrid.Runner.Reporting.Http;

/// <summary>
/// Tells a server on another machine. A server that is away for minutes loses nothing and holds up nothing: what jobs
/// tell is kept on this disk (<see cref="SpoolOptions"/>) until it was heard, and a verdict is told until it was heard or
/// refused. The other half is <c>Server/Recording/RunnerEndpoints.cs</c>.
/// </summary>
public sealed partial class HttpReporter(
    ServerLink link,
    IOptions<SpoolOptions> options,
    TimeProvider time,
    ILogger<HttpReporter> log
) : IJobReporter
{
    // As long as the server remembers a claim's answer; later it would be refused as another's.
    private static readonly TimeSpan ClaimPatience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan ReleasePatience = TimeSpan.FromSeconds(5);

    // Lazy: a spool is one file, and two threads may ask for it at the same moment.
    private readonly ConcurrentDictionary<JobLease, Lazy<Telling>> tellings = new();

    public async ValueTask<JobClaim?> ClaimAsync(JobId job, string runner, CancellationToken stop)
    {
        var asked = new ClaimAsked(job, runner, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));
        var began = time.GetTimestamp();
        for (var failures = 0; ; failures++)
        {
            try
            {
                var reply = await link.PostAsync(
                    "/api/v1/runner/claims",
                    asked,
                    (ReportJson.Default.ClaimAsked, ReportJson.Default.ClaimReply),
                    stop
                );
                return reply?.Claim;
            }
            catch (ServerAwayException) when (time.GetElapsedTime(began) < ClaimPatience)
            {
                await link.PauseAsync(failures, stop);
            }
        }
    }

    public async ValueTask<JobWish> RenewAsync(JobLease lease, CancellationToken stop)
    {
        // Not one of its own: a heartbeat that is slower than the verdict must not begin the story again.
        var telling = tellings.GetValueOrDefault(lease)?.Value;
        var wish = telling?.Wish ?? JobWish.CarryOn;
        try
        {
            var reply = await link.PostAsync(
                "/api/v1/runner/leases/renew",
                lease,
                (ReportJson.Default.JobLease, ReportJson.Default.WishReply),
                stop
            );
            wish = reply?.Wish ?? JobWish.Fenced;
        }
        catch (ServerAwayException)
        {
            // The job goes on. Should it be another's when the server is back, the next answer says so.
        }
        catch (ServerRefusedException)
        {
            wish = JobWish.Fenced;
        }
        telling?.Hear(wish);
        return wish;
    }

    public async ValueTask<BundleDigest?> DecideBundleAsync(
        JobLease lease,
        string? service,
        BundleDigest mine,
        CancellationToken stop
    )
    {
        try
        {
            // Without the answer there is nothing to run in: the job waits for a server that is away.
            var decided = await UntilHereAsync(
                () =>
                    link.PostAsync(
                        "/api/v1/runner/leases/bundle",
                        new BundleDecision(lease, mine, service),
                        (ReportJson.Default.BundleDecision, ReportJson.Default.BundleDecision),
                        stop
                    ),
                stop
            );
            return decided?.Bundle;
        }
        catch (ServerRefusedException)
        {
            return null;
        }
    }

    public async ValueTask<JobWish> ReportAsync(JobLease lease, JobEvent happened, CancellationToken stop)
    {
        var wish = await Of(lease).TellAsync(happened, stop);
        if (happened is JobFinished)
            tellings.TryRemove(lease, out _);
        return wish;
    }

    public async ValueTask ReleaseAsync(JobLease lease, string why, CancellationToken stop)
    {
        using var limit = new CancellationTokenSource(ReleasePatience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        var telling = Of(lease);
        for (var failures = 0; ; failures++)
        {
            try
            {
                if (await telling.FlushAsync(both.Token) is not JobWish.Fenced)
                    await link.PostAsync(
                        "/api/v1/runner/leases/release",
                        new LeaseReleased(lease, why),
                        (ReportJson.Default.LeaseReleased, ReportJson.Default.Done),
                        both.Token
                    );
                break;
            }
            catch (ServerAwayException) when (!both.IsCancellationRequested)
            {
                await link.PauseAsync(failures, both.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception e) when (e is ServerAwayException or ServerRefusedException or OperationCanceledException)
            {
                NotReleased(log, lease.Job, lease.Attempt);
                break;
            }
        }
        telling.End();
        tellings.TryRemove(lease, out _);
    }

    public async ValueTask ReleaseAllAsync(string runner, CancellationToken stop)
    {
        // First what the last life could not tell any more: the ends of logs, and verdicts that would else be lost.
        foreach (var (spool, events) in Spool.Left(options.Value.Path))
            await TellLeftAsync(spool, events, stop);
        await UntilHereAsync(
            () =>
                link.PostAsync(
                    "/api/v1/runner/leases/release-all",
                    new RunnerName(runner),
                    (ReportJson.Default.RunnerName, ReportJson.Default.Done),
                    stop
                ),
            stop
        );
    }

    private async ValueTask TellLeftAsync(Spool spool, List<JobEvent> events, CancellationToken stop)
    {
        using var telling = new Telling(link, options.Value, spool);
        telling.Resume(events);
        await UntilHereAsync(() => telling.FlushAsync(stop), stop);
        telling.End();
        LeftTold(log, spool.Lease.Job, spool.Lease.Attempt, telling.Wish);
    }

    private async ValueTask<T> UntilHereAsync<T>(Func<ValueTask<T>> tell, CancellationToken stop)
    {
        for (var failures = 0; ; failures++)
        {
            try
            {
                return await tell();
            }
            catch (ServerAwayException)
            {
                await link.PauseAsync(failures, stop);
            }
        }
    }

    private Telling Of(JobLease lease) =>
        tellings
            .GetOrAdd(
                lease,
                _ => new Lazy<Telling>(() => new Telling(link, options.Value, Spool.Open(options.Value.Path, lease)))
            )
            .Value;

    [LoggerMessage(
        LogLevel.Warning,
        "Job {Job}, attempt {Attempt}, could not be given back: the server takes it when its lease runs out"
    )]
    private static partial void NotReleased(ILogger log, JobId job, int attempt);

    [LoggerMessage(
        LogLevel.Information,
        "What was left to tell of job {Job}, attempt {Attempt}, was told; the server's answer: {Wish}"
    )]
    private static partial void LeftTold(ILogger log, JobId job, int attempt, JobWish wish);
}
