using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;

namespace TestGrid.Runner.Reporting;

/// <summary>How much of the jobs' output a terminal shows while they run.</summary>
public enum TerminalDetail
{
    /// <summary>A line when a job starts, waits and ends; the whole log of what failed.</summary>
    Summary,

    /// <summary>Every line as it comes, behind the job's label when there is more than one.</summary>
    Everything,
}

/// <summary>Tells a person at a terminal: <c>testgrid run</c> has no server, no queue and no store.</summary>
public sealed class TerminalReporter(
    TextWriter output,
    TerminalDetail detail,
    ImmutableSortedDictionary<string, string> secrets,
    ImmutableDictionary<JobId, string> labels
) : IJobReporter, IDisposable
{
    // Nobody else can take these jobs: the lease only has to outlast a heartbeat.
    private static readonly TimeSpan LeaseTime = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<JobId, JobLog> logs = new();
    private readonly Lock gate = new();

    public ValueTask<JobClaim?> ClaimAsync(JobId job, string runner, CancellationToken stop) =>
        ValueTask.FromResult<JobClaim?>(new JobClaim(new JobLease(job, 1, "here"), LeaseTime, secrets, null));

    public ValueTask<JobWish> RenewAsync(JobLease lease, CancellationToken stop) =>
        ValueTask.FromResult(JobWish.CarryOn);

    // One machine, one store: its jobs ask the same one.
    public ValueTask<BundleDigest?> DecideBundleAsync(
        JobLease lease,
        string? service,
        BundleDigest mine,
        CancellationToken stop
    ) => ValueTask.FromResult<BundleDigest?>(mine);

    public async ValueTask<JobWish> ReportAsync(JobLease lease, JobEvent happened, CancellationToken stop)
    {
        var log = logs.GetOrAdd(lease.Job, _ => new JobLog());
        switch (happened)
        {
            case JobWaits(var what):
                Say(lease.Job, what);
                break;
            case JobStarted(_, var bundle, var digest):
                Say(lease.Job, $"started in bundle {bundle} {digest.Short}");
                break;
            case OutputWritten(_, var bytes):
                await log.File.WriteAsync(bytes, stop);
                if (detail is TerminalDetail.Everything)
                    Show(lease.Job, log, bytes.Span);
                break;
            case JobFinished(var verdict):
                if (detail is TerminalDetail.Summary && verdict.State is not JobState.Passed)
                    await ReplayAsync(lease.Job, log);
                Say(lease.Job, $"{verdict.State.Word}: {verdict.Sentence}");
                break;
        }
        return JobWish.CarryOn;
    }

    public ValueTask ReleaseAsync(JobLease lease, string why, CancellationToken stop) => ValueTask.CompletedTask;

    public ValueTask ReleaseAllAsync(string runner, CancellationToken stop) => ValueTask.CompletedTask;

    public void Dispose()
    {
        foreach (var log in logs.Values)
            log.File.Dispose();
    }

    private string Label(JobId job) => labels.GetValueOrDefault(job, job.ToString());

    private void Say(JobId job, string words)
    {
        lock (gate)
            output.WriteLine($"{Label(job)} | {words}");
    }

    private async ValueTask ReplayAsync(JobId job, JobLog log)
    {
        log.File.Position = 0;
        using var reader = new StreamReader(log.File, Encoding.UTF8, leaveOpen: true);
        var whole = await reader.ReadToEndAsync();
        lock (gate)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"---- {Label(job)}: its log ----"));
            output.WriteLine(LogText.ForTerminal(whole).TrimEnd());
            output.WriteLine($"---- {Label(job)}: end of its log ----");
        }
    }

    // Whole lines only, so that two jobs never share one.
    private void Show(JobId job, JobLog log, ReadOnlySpan<byte> bytes)
    {
        var chars = new char[log.Decoder.GetCharCount(bytes, flush: false)];
        log.Decoder.GetChars(bytes, chars, flush: false);
        log.Rest.Append(chars);
        var text = log.Rest.ToString();
        var end = text.LastIndexOf('\n');
        if (end < 0)
            return;
        log.Rest.Clear().Append(text, end + 1, text.Length - end - 1);
        var lines = LogText.ForTerminal(text[..end]).Split('\n');
        lock (gate)
        {
            foreach (var line in lines)
                output.WriteLine(labels.Count > 1 ? $"{Label(job)} | {line.TrimEnd('\r')}" : line.TrimEnd('\r'));
        }
    }

    private sealed class JobLog
    {
        public FileStream File { get; } =
            new(
                Path.GetTempFileName(),
                new FileStreamOptions
                {
                    Mode = FileMode.Open,
                    Access = FileAccess.ReadWrite,
                    Options = FileOptions.DeleteOnClose,
                }
            );

        public Decoder Decoder { get; } = Encoding.UTF8.GetDecoder();

        public StringBuilder Rest { get; } = new();
    }
}
