using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Planning;

/// <summary>
/// The stage that makes jobs of builds: takes the oldest unplanned one, reads its configuration at its commit, and
/// stores the plan. A crash anywhere in it means that the build is planned again. Builds of different repositories are
/// planned side by side, so that one slow fetch holds up its own repository alone.
/// </summary>
public sealed partial class Planner(
    BuildStore builds,
    BuildPlanner plans,
    PlanningOptions options,
    Bells bells,
    TimeProvider time,
    ILogger<Planner> log
) : BackgroundService
{
    private readonly Lock gate = new();
    private readonly HashSet<long> busy = [];

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(
            Enumerable.Range(0, options.AtOnce).Select(_ => Task.Run(() => RunAsync(stoppingToken), stoppingToken))
        );

    private async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var ring = bells.Unplanned.NextRing;
            if (Take() is not { } build)
            {
                await ring.OrAfter(TimeSpan.FromSeconds(5), time, stop);
                continue;
            }
            try
            {
                await PlanAsync(build, stop);
            }
            catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)
            {
                PlanFailed(log, e, build.Id);
                await PostponeAsync(build, $"it could not be planned: {e.Message}", null, stop);
            }
            finally
            {
                lock (gate)
                    busy.Remove(build.Repository.Id);
            }
            bells.BuildChanged(build.Id);
            bells.Unplanned.Ring(); // the repository is free for its next build
        }
    }

    private UnplannedBuild? Take()
    {
        lock (gate)
        {
            var build = builds.NextUnplanned(busy);
            if (build is not null)
                busy.Add(build.Repository.Id);
            return build;
        }
    }

    private async Task PlanAsync(UnplannedBuild build, CancellationToken stop)
    {
        switch (await plans.MakeAsync(build, stop))
        {
            case Planned.WithJobs(var plan):
                if (await builds.PlanAsync(build.Id, plan, stop))
                    BuildPlanned(log, build.Id, plan.Orders.Length, plan.ConfigFile);
                bells.Room.Ring();
                break;

            case Planned.WithoutJobs(var verdict, var file, var problems):
                await builds.EndUnplannedAsync(build.Id, verdict, file, problems, stop);
                BuildEnded(log, build.Id, verdict.State, verdict.Sentence);
                break;

            case Planned.Later(var why, var atLast):
                await PostponeAsync(build, why, atLast, stop);
                break;
        }
    }

    private async Task PostponeAsync(UnplannedBuild build, string why, BuildVerdict? atLast, CancellationToken stop)
    {
        if (build.Tries + 1 >= options.FetchTries)
        {
            var verdict = atLast ?? new BuildVerdict(BuildState.Errored, JobReason.Infra, why);
            await builds.EndUnplannedAsync(build.Id, verdict, null, [], stop);
            BuildEnded(log, build.Id, verdict.State, why);
            return;
        }
        var wait = TimeSpan.FromSeconds(5 * Math.Pow(4, build.Tries));
        await builds.PostponeAsync(build.Id, wait, $"{why}; tried again in {wait.TotalSeconds:0} s", stop);
        BuildWaits(log, build.Id, why, wait);
    }

    [LoggerMessage(LogLevel.Information, "Build {Build} has {Jobs} jobs by {File}")]
    private static partial void BuildPlanned(ILogger log, long build, int jobs, string file);

    [LoggerMessage(LogLevel.Information, "Build {Build} ended without a job: {State}, {Sentence}")]
    private static partial void BuildEnded(ILogger log, long build, BuildState state, string sentence);

    [LoggerMessage(LogLevel.Warning, "Build {Build} is planned again in {Wait}: {Why}")]
    private static partial void BuildWaits(ILogger log, long build, string why, TimeSpan wait);

    [LoggerMessage(LogLevel.Error, "Build {Build} could not be planned")]
    private static partial void PlanFailed(ILogger log, Exception e, long build);
}
