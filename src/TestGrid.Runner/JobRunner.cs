using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Endings;
using TestGrid.Runner.Git;
using TestGrid.Runner.Output;
using TestGrid.Runner.Reporting;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Services;

namespace TestGrid.Runner;

/// <summary>
/// One job, from order to verdict: claim's secrets in hand, check out, open a sandbox from the bundle, run the script,
/// say how it ended.
/// </summary>
public sealed partial class JobRunner(
    JobGround ground,
    BundleStore bundles,
    IWorkspaceSource workspaces,
    ISandboxEngine engine,
    TimeProvider time,
    ILogger<JobRunner> log
)
{
    /// <summary>Removes what an earlier life of this runner left behind. Call it once, before the first job.</summary>
    public async ValueTask SweepAsync(CancellationToken stop)
    {
        await engine.SweepAsync(stop);
        await bundles.SweepAsync(stop);
        ground.Sweep();
    }

    /// <summary>Runs one attempt. Returns what ended it; never throws for what a job or its repository can cause.</summary>
    /// <returns>A verdict to tell, or a cause with none: the attempt was fenced, or the runner goes away.</returns>
    public async Task<EndingCause> RunAsync(JobOrder order, JobClaim claim, IJobReporter reporter, Ending ending)
    {
        ValueTask<JobWish> Tell(JobEvent happened) =>
            reporter.ReportAsync(claim.Lease, happened, CancellationToken.None);

        var key = PhaseMarks.NewKey();
        var marks = new PhaseMarks(key);
        await using var pump = new OutputPump(
            order.Limits,
            marks,
            new Redactor(claim.Secrets.Values),
            ending,
            time,
            Tell
        );
        JobVerdict verdict;
        JobUse? used = null;
        try
        {
            var exit = await RunInSandboxAsync(order, claim, reporter, key, pump, ending);
            await pump.DrainAsync(); // the marks are in the output's end
            verdict = LimitWords.Judge(order.Limits, exit, marks);
            used = LimitWords.Used(exit.Use);
        }
        catch (OperationCanceledException) when (ending.Cause is not null)
        {
            verdict = new JobVerdict(JobState.Cancelled, JobReason.Cancelled, "It was cancelled.");
        }
        catch (Exception e) when (Explain(e) is { } explained)
        {
            verdict = explained;
        }
        catch (Exception e)
        {
            // The job is not to blame, and a person must be able to find out who is.
            JobStumbled(log, e, order.Id);
            verdict = new JobVerdict(JobState.Errored, JobReason.Infra, $"The runner failed: {e.Message}");
        }

        // Whatever ended it from outside knows better than the exit code that followed from it.
        var cause = ending.Cause ?? new EndingCause.Judged(verdict);
        if (cause is EndingCause.Judged(var told))
        {
            cause = new EndingCause.Judged(told = told with { Use = used });
            await pump.CompleteAsync(LastWords(told));
            JobEnded(log, order.Id, told.State, told.Sentence);
        }
        return cause;
    }

    private async ValueTask<SandboxExit> RunInSandboxAsync(
        JobOrder order,
        JobClaim claim,
        IJobReporter reporter,
        string key,
        OutputPump pump,
        Ending ending
    )
    {
        // Unique on this machine: two runners may have a job of the same number.
        var name = string.Create(CultureInfo.InvariantCulture, $"{ground.RunnerName}-{order.Id}-{claim.Lease.Attempt}");
        ground.CheckSpace();

        var (bundle, workspace, services) = await GroundAsync(order, claim, reporter, pump.Report, ending);
        await using var _ = bundle;
        await using var __ = workspace;
        await using var ___ = services;
        using var script = ground.WriteScript(name, JobScript.Compile(order));

        var spec = new SandboxSpec(
            name,
            bundle.Bundle.RootPath,
            await MountsAsync(order, workspace, script.Path, bundle.Bundle, ending.Polite),
            order.Limits,
            ground.Network
        )
        {
            Digest = bundle.Bundle.Digest,
            IsStrangers = order.Trigger.PullRequest is { IsFork: true },
            HostName = order.Config.Addons.HostName ?? "testgrid",
            Services = services.Specs,
        };
        await using var sandbox = await engine.CreateAsync(spec, ending.Polite);
        ending.Obey(await pump.Report(new JobStarted(ground.RunnerName, bundle.Bundle.Name, bundle.Bundle.Digest)));
        await pump.Writer.WriteAsync(Heading(order, claim, bundle.Bundle), ending.Polite);

        ending.StartClocks();
        await using var firm = ending.Firm.UnsafeRegister(_ => sandbox.DisposeAsync().AsTask(), null);
        await services.StartAsync(sandbox, pump.Writer, ground.ServiceTime, time, ending.Polite);
        var exit = await sandbox.RunAsync(Command(order, claim, key), pump.Writer, ending.Polite);
        if (ending.Firm.IsCancellationRequested)
            return exit; // they were ended with the sandbox
        await services.TellAsync(pump.Writer, all: exit.ExitCode != 0);
        return exit;
    }

    /// <summary>What the job stands on. Both may take minutes the first time, and neither needs the other.</summary>
    private async ValueTask<(BundleLease, Workspace, JobServices)> GroundAsync(
        JobOrder order,
        JobClaim claim,
        IJobReporter reporter,
        Func<JobEvent, ValueTask<JobWish>> tell,
        Ending ending
    )
    {
        await using var waiting = new WaitTeller(tell, ending);
        var checkingOut = workspaces.CheckOutAsync(order, claim.Credential, ending.Polite).AsTask();
        BundleLease? bundle = null;
        JobServices? services = null;
        try
        {
            bundle = await BundleAsync(order.Config.Bundle, claim, reporter, waiting, ending);
            services = await JobServices.LeaseAsync(bundles, order.Config.Services, waiting, ending.Polite);
            var fetching = $"repository {order.Repository.Slug} is being fetched";
            return (bundle, await waiting.OverAsync(checkingOut, fetching, time), services);
        }
        catch
        {
            foreach (var lease in (IAsyncDisposable?[])[bundle, services])
                await (lease?.DisposeAsync() ?? ValueTask.CompletedTask);
            await DisposeWhenReadyAsync(checkingOut);
            throw;
        }
    }

    /// <summary>The bundle that the build has decided on, or this machine's own, when the build takes that.</summary>
    private async ValueTask<BundleLease> BundleAsync(
        string recipe,
        JobClaim claim,
        IJobReporter reporter,
        WaitTeller waiting,
        Ending ending
    )
    {
        if (claim.Bundle is { } known)
            return await bundles.GetExactlyAsync(recipe, known, waiting, ending.Polite);
        var mine = await bundles.GetAsync(recipe, waiting, ending.Polite);
        try
        {
            var decided = await reporter.DecideBundleAsync(claim.Lease, mine.Bundle.Digest, ending.Polite);
            if (decided == mine.Bundle.Digest)
                return mine;
            if (decided is null)
                ending.Obey(JobWish.Fenced);
            ending.Polite.ThrowIfCancellationRequested();
            var others = await bundles.GetExactlyAsync(recipe, decided!, waiting, ending.Polite);
            await mine.DisposeAsync();
            return others;
        }
        catch
        {
            await mine.DisposeAsync();
            throw;
        }
    }

    /// <summary>What runs in the sandbox, with its whole environment.</summary>
    internal static SandboxCommand Command(JobOrder order, JobClaim claim, string key) =>
        new(
            JobScript.Argv,
            ImmutableSortedDictionary<string, string>
                .Empty.Add("HOME", "/home/travis")
                .Add("USER", "travis")
                .Add("LOGNAME", "travis")
                .Add("SHELL", "/bin/bash")
                .Add("LANG", "C.UTF-8")
                .Add("TERM", order.Config.Tty ? "xterm-256color" : "dumb")
                .Add("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
                .SetItems(claim.Secrets)
                .SetItem(JobScript.SecretNamesVariable, string.Join(' ', claim.Secrets.Keys))
                .SetItem("TESTGRID_ATTEMPT", claim.Lease.Attempt.ToString(CultureInfo.InvariantCulture))
                .SetItem(PhaseMarks.KeyVariable, key),
            "/home/travis",
            Tty: order.Config.Tty
        );

    private async ValueTask<ImmutableArray<SandboxMount>> MountsAsync(
        JobOrder order,
        Workspace workspace,
        string script,
        Bundle bundle,
        CancellationToken stop
    )
    {
        var mounts = ImmutableArray.CreateBuilder<SandboxMount>();
        var folder = $"/home/travis/build/{order.Repository.Slug}";
        mounts.Add(new SandboxMount(workspace.TreePath, folder, SandboxMountKind.Overlay));
        if (workspace.ObjectsPath is { } objects)
            mounts.Add(new SandboxMount(objects, Workspace.ObjectsMountPoint, SandboxMountKind.ReadOnly));
        mounts.Add(new SandboxMount(script, JobScript.MountPoint, SandboxMountKind.ReadOnly));
        foreach (var file in await bundles.MachineFilesAsync(bundle, stop))
            mounts.Add(new SandboxMount(file.Source, file.Target, SandboxMountKind.ReadOnly));
        return mounts.ToImmutable();
    }

    private ReadOnlyMemory<byte> Heading(JobOrder order, JobClaim claim, Bundle bundle)
    {
        var text = new StringBuilder();
        void Line(string what, string value) =>
            text.Append(CultureInfo.InvariantCulture, $"\e[90m{what, -10}\e[0m{Plain(value)}\r\n");

        Line("job", $"{order.Id} attempt {claim.Lease.Attempt} on {ground.RunnerName} ({engine.Name})");
        if (claim.Before is { } before)
            Line("again", before);
        Line("commit", $"{order.Trigger.Commit.Sha} {order.Trigger.Commit.Title}");
        Line("bundle", $"{bundle.Name} {bundle.Digest}");
        if (order.Config.Cell.Values.Length > 0)
            Line("cell", order.Config.Cell.ToString());
        text.Append("\r\n");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static string LastWords(JobVerdict verdict)
    {
        var colour =
            verdict.State is JobState.Passed ? "32"
            : verdict.State is JobState.Cancelled ? "33"
            : "31";
        return $"\r\n\e[{colour};1m{verdict.State.Word}\e[0m {Plain(verdict.Sentence)}\r\n"
            + (verdict.Use is { } use ? $"\e[90m{use.InWords()}\e[0m\r\n" : "");
    }

    // A commit's title or a cell's value must not move the cursor of whoever reads the log.
    private static string Plain(string text) => new([.. text.Select(c => char.IsControl(c) ? ' ' : c)]);

    internal static JobVerdict? Explain(Exception e) =>
        e switch
        {
            CommitGoneException => new JobVerdict(JobState.Errored, JobReason.CommitGone, e.Message),
            GitFetchException => new JobVerdict(JobState.Errored, JobReason.Infra, e.Message),
            NoSpaceException => new JobVerdict(JobState.Errored, JobReason.Infra, e.Message), // disk-limit is the job's own
            BundleException => new JobVerdict(JobState.Errored, JobReason.NoBundle, e.Message),
            ServiceException => new JobVerdict(JobState.Errored, JobReason.Service, e.Message),
            SandboxException => new JobVerdict(JobState.Errored, JobReason.Infra, e.Message),
            _ => null,
        };

    private static async ValueTask DisposeWhenReadyAsync(Task<Workspace> checkingOut)
    {
        try
        {
            await using var workspace = await checkingOut;
        }
        catch (Exception)
        {
            // The first failure is the one that is told.
        }
    }

    [LoggerMessage(LogLevel.Information, "Job {Job} ended: {State}. {Sentence}")]
    private static partial void JobEnded(ILogger log, JobId job, JobState state, string sentence);

    [LoggerMessage(LogLevel.Error, "Job {Job} stumbled over the runner's own fault")]
    private static partial void JobStumbled(ILogger log, Exception e, JobId job);
}
