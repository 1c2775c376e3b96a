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
    JobPlaces places,
    LeavingPlaces leaving,
    KeptPlaces kept,
    TimeProvider time,
    ILogger<JobRunner> log
)
{
    /// <inheritdoc cref="JobPlaces.SweepAsync"/>
    public ValueTask SweepAsync(CancellationToken stop) => places.SweepAsync(stop);

    /// <summary>Ends the sandboxes that are kept of failed jobs. Call it when no more jobs are run.</summary>
    public ValueTask KeepNoneAsync() => kept.DisposeAsync();

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
        SandboxUse? used = null;
        var isKept = false;
        try
        {
            (var exit, isKept) = await RunInSandboxAsync(order, claim, reporter, key, pump, ending);
            await pump.DrainAsync(); // the marks are in the output's end
            verdict = LimitWords.Judge(order.Limits, exit, marks);
            used = exit.Use;
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
            cause = new EndingCause.Judged(
                told = LimitWords.Hint(told, order.Limits, used) with { Use = LimitWords.Used(used) }
            );
            await pump.CompleteAsync(LastWords(told) + (isKept ? KeptWords(order.Id) : ""));
            JobEnded(log, order.Id, told.State, told.Sentence);
        }
        return cause;
    }

    private async ValueTask<(SandboxExit Exit, bool IsKept)> RunInSandboxAsync(
        JobOrder order,
        JobClaim claim,
        IJobReporter reporter,
        string key,
        OutputPump pump,
        Ending ending
    )
    {
        await leaving.HaveRoomAsync(places.NameOf(order, claim), ending.Polite);
        var place = await places.MakeAsync(order, claim, JobScript.Compile(order), reporter, pump.Report, ending);
        SandboxExit exit;
        try
        {
            var (sandbox, services, bundle) = (place.Sandbox, place.Services, place.Bundle);
            ending.Obey(await pump.Report(new JobStarted(ground.RunnerName, bundle.Name, bundle.Digest)));
            await pump.Writer.WriteAsync(Heading(order, claim, place), ending.Polite);

            ending.StartClocks();
            pump.LookAt(sandbox.Glance);
            await using var firm = ending.Firm.UnsafeRegister(_ => sandbox.DisposeAsync().AsTask(), null);
            await places.StartServicesAsync(place, pump.Writer, ending.Polite);
            var command = Command(order, claim, bundle, key);
            if (kept.Wants(order))
                command = KeptShell.Prepare(command);
            exit = await place.RunScriptAsync(command, pump.Writer, ending.Polite);
            pump.LookForTheLastTime();
            // Else they were ended with the sandbox.
            if (!ending.Firm.IsCancellationRequested)
                await services.TellAsync(pump.Writer, all: exit.ExitCode != 0);
        }
        catch
        {
            leaving.LetGo(place);
            throw;
        }
        if (kept.Wants(order) && FailedByItself(exit, ending))
        {
            var shell = KeptShell.Of(JobPlaces.Command(order, claim, place.Bundle), JobScript.FolderOf(order));
            return (exit, kept.Keep(order.Id, place, shell));
        }
        leaving.LetGo(place);
        return (exit, false);
    }

    // Not by a person, not because this runner stops, and not by force, which ends the sandbox.
    private static bool FailedByItself(SandboxExit exit, Ending ending) =>
        exit.ExitCode != 0
        && !ending.Firm.IsCancellationRequested
        && ending.Cause is null or EndingCause.Judged { Verdict.State: not JobState.Cancelled };

    private string KeptWords(JobId job) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"\e[90mIts sandbox is kept for {kept.KeepFor.TotalMinutes:0.#} minutes: testgrid job shell {job}\e[0m\r\n"
        );

    /// <summary>What runs in the sandbox, with the key that its marks are known by.</summary>
    internal static SandboxCommand Command(JobOrder order, JobClaim claim, Bundle bundle, string key)
    {
        var command = JobPlaces.Command(order, claim, bundle);
        return command with { Env = command.Env.SetItem(PhaseMarks.KeyVariable, key) };
    }

    private ReadOnlyMemory<byte> Heading(JobOrder order, JobClaim claim, JobPlace place)
    {
        var bundle = place.Bundle;
        var text = new StringBuilder();
        void Line(string what, string value) =>
            text.Append(CultureInfo.InvariantCulture, $"\e[90m{what, -10}\e[0m{Plain(value)}\r\n");

        Line("job", $"{order.Id} attempt {claim.Lease.Attempt} on {ground.RunnerName} ({places.EngineName})");
        if (claim.Before is { } before)
            Line("again", before);
        Line("commit", $"{order.Trigger.Commit.Sha} {order.Trigger.Commit.Title}");
        Line("bundle", $"{bundle.Name} {bundle.Digest}{(bundle.IsUnlocked ? " (unlocked)" : "")}");
        if (order.Config.Bundle != bundle.Name && order.Config.Bundle != bundle.Digest.ToString())
            Line("", order.Config.Bundle);
        if (place.Layer is { } layer)
            Line("app layer", layer.Words);
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

    /// <summary>What a failure says about a job; null for one that is the runner's own.</summary>
    public static JobVerdict? Explain(Exception e) =>
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

    [LoggerMessage(LogLevel.Information, "Job {Job} ended: {State}. {Sentence}")]
    private static partial void JobEnded(ILogger log, JobId job, JobState state, string sentence);

    [LoggerMessage(LogLevel.Error, "Job {Job} stumbled over the runner's own fault")]
    private static partial void JobStumbled(ILogger log, Exception e, JobId job);
}
