using System.Collections.Immutable;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Endings;
using TestGrid.Runner.Reporting;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Runs;

/// <summary>How <c>run</c> runs.</summary>
internal sealed record LocalRunSettings(
    int Slots,
    TerminalDetail Detail,
    ImmutableSortedDictionary<string, string> Secrets,
    bool FailFast = false,
    int? MaxParallel = null
);

/// <summary>Runs jobs here: the server's own job runner, with a terminal for a reporter.</summary>
internal static class LocalRun
{
    public static async Task<int> RunAsync(
        WorkTree tree,
        ImmutableArray<(int Cell, JobConfig Config)> jobs,
        LocalRunSettings settings,
        CancellationToken stop
    )
    {
        var runners = LocalServices.RunnersPath(DataFolder.Usual());
        RunFolder.Sweep(runners);
        using var folder = RunFolder.Open(runners);
        await using var services = LocalServices.ForRun(tree.Folder, folder);
        var runner = services.GetRequiredService<JobRunner>();
        try
        {
            await PrepareAsync(services.GetRequiredService<BundleStore>(), jobs, stop);
            return await RunAsync(runner, tree, jobs, settings, stop);
        }
        catch (BundleException e)
        {
            throw new CommandException(e.Message);
        }
    }

    // Before the first job, so that a person sees one progress and not one for each job.
    internal static async Task PrepareAsync(
        BundleStore bundles,
        ImmutableArray<(int Cell, JobConfig Config)> jobs,
        CancellationToken stop
    )
    {
        var names = jobs.Select(job => job.Config)
            .Where(job => job.Impossible is null)
            .SelectMany(job => job.Services.Select(service => service.Bundle).Prepend(job.Bundle));
        // Another's image is pulled by the job that wants it first.
        foreach (var name in names.Distinct().Where(name => BundleForm.Read(name, out _) is BundleForm.Shipped))
        {
            using var progress = new ProgressLine();
            await using var bundle = await bundles.GetAsync(name, progress, stop);
        }
    }

    private static async Task<int> RunAsync(
        JobRunner runner,
        WorkTree tree,
        ImmutableArray<(int Cell, JobConfig Config)> jobs,
        LocalRunSettings settings,
        CancellationToken stop
    )
    {
        var most = LocalServices.JobLimits();
        var orders = jobs.Select(job => tree.Order(job.Cell, WithoutDeployments(job.Config), most)).ToArray();
        using var reporter = new TerminalReporter(
            Console.Out,
            settings.Detail,
            settings.Secrets,
            orders.ToImmutableDictionary(order => order.Id, Label)
        );

        var results = new (JobOrder Order, JobVerdict Verdict, TimeSpan Took)[orders.Length];
        using var rest = CancellationTokenSource.CreateLinkedTokenSource(stop);
        await Parallel.ForEachAsync(
            orders.Index(),
            new ParallelOptions
            {
                MaxDegreeOfParallelism = Math.Min(settings.Slots, settings.MaxParallel ?? int.MaxValue),
            },
            async (one, _) =>
            {
                var result = results[one.Index] = await RunTriesAsync(runner, reporter, one.Item, rest.Token);
                var isBad = result.Verdict.State is JobState.Failed or JobState.Errored;
                if (settings.FailFast && isBad && !one.Item.Config.AllowFailure)
                    await rest.CancelAsync();
            }
        );

        Console.WriteLine();
        Printed.Table(
            ["job", "state", "seconds", "what"],
            results.Select(one =>
                (string[])
                    [
                        Label(one.Order),
                        Printed.State(one.Verdict.State),
                        $"{one.Took.TotalSeconds:0.0}",
                        one.Verdict.State is JobState.Passed ? "" : one.Verdict.Sentence,
                    ]
            )
        );
        if (stop.IsCancellationRequested)
            return ExitCodes.Interrupted;
        return Verdict(results.Where(one => !one.Order.Config.AllowFailure).Select(one => one.Verdict.State));
    }

    private static int Verdict(IEnumerable<JobState> states)
    {
        var all = states.ToArray();
        if (all.Contains(JobState.Failed))
            return ExitCodes.Failed;
        return all.All(state => state is JobState.Passed) ? ExitCodes.Ok : ExitCodes.Broken;
    }

    private static async Task<(JobOrder Order, JobVerdict Verdict, TimeSpan Took)> RunTriesAsync(
        JobRunner runner,
        TerminalReporter reporter,
        JobOrder order,
        CancellationToken stop
    )
    {
        var tries = 0;
        while (true)
        {
            var result = await RunOneAsync(runner, reporter, order, stop);
            if (
                result.Verdict.State is not (JobState.Failed or JobState.Errored)
                || order.Config.Impossible is not null
                || tries++ >= order.Config.Retry
            )
                return result;
        }
    }

    private static async Task<(JobOrder Order, JobVerdict Verdict, TimeSpan Took)> RunOneAsync(
        JobRunner runner,
        TerminalReporter reporter,
        JobOrder order,
        CancellationToken stop
    )
    {
        if (stop.IsCancellationRequested)
            return (order, new(JobState.Cancelled, JobReason.Cancelled, "It was not begun."), TimeSpan.Zero);
        var started = Stopwatch.GetTimestamp();
        if (order.Config.Impossible is { } impossible)
            return (order, new JobVerdict(JobState.Errored, impossible.Reason, impossible.Sentence), TimeSpan.Zero);
        var claim = (await reporter.ClaimAsync(order.Id, "here", stop))!;
        using var ending = new Ending(order.Limits, TimeProvider.System, stop);
        var cause = await runner.RunAsync(order, claim, reporter, ending);
        var verdict = cause is EndingCause.Judged(var told)
            ? told
            : new JobVerdict(JobState.Cancelled, JobReason.Cancelled, "It was cancelled.");
        await reporter.ReportAsync(claim.Lease, new JobFinished(verdict), CancellationToken.None);
        return (order, verdict, Stopwatch.GetElapsedTime(started));
    }

    private static string Label(JobOrder order) =>
        order.Config.Cell.Values.IsEmpty ? order.Config.Name ?? $"job {order.Id.Cell}" : order.Config.Cell.ToString();

    // What lies in a work tree is nobody's release.
    private static JobConfig WithoutDeployments(JobConfig config) =>
        config.Deployments.IsEmpty
            ? config
            : config with
            {
                Deployments = [],
                Notes = [.. config.Notes, "'deploy' is left out: a run of a work tree tests, and deploys nothing."],
            };
}
