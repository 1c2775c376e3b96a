using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Endings;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner.Output;

/// <summary>
/// Carries a job's output from its sandbox to its reporter: secrets out, at byte offsets, within the log's limit.
/// When the reporter falls behind, the pipe fills and the command waits: slowing a job down is better than losing
/// its log or our memory.
/// </summary>
public sealed class OutputPump : IAsyncDisposable
{
    private const int BatchBytes = 64 * 1024;

    private readonly Pipe pipe = new(
        new PipeOptions(pauseWriterThreshold: 1 << 20, resumeWriterThreshold: 1 << 19, useSynchronizationContext: false)
    );
    private readonly Func<JobEvent, ValueTask<JobWish>> report;
    private readonly Redactor redactor;
    private readonly Ending ending;
    private readonly TimeProvider time;
    private readonly long bytesMax;
    private readonly PhaseMarks marks;
    private readonly Pace pace;
    private readonly Task pumping;
    private readonly Lock looking = new();
    private Func<SandboxGlance> glance = () => default;
    private long? disk;
    private int commands;
    private bool over;

    public OutputPump(
        JobLimits limits,
        PhaseMarks marks,
        Redactor redactor,
        Ending ending,
        TimeProvider time,
        Func<JobEvent, ValueTask<JobWish>> report
    )
    {
        this.report = report;
        this.redactor = redactor;
        this.ending = ending;
        this.time = time;
        this.marks = marks;
        pace = Pace.OfLog(time);
        bytesMax = limits.LogBytes;
        pumping = PumpAsync();
    }

    /// <summary>Tells an event that is no output.</summary>
    public ValueTask<JobWish> Report(JobEvent happened) => report(happened);

    /// <summary>Where the sandbox writes. One writer at a time.</summary>
    public PipeWriter Writer => pipe.Writer;

    /// <summary>Bytes reported so far: the next one's offset.</summary>
    public long Offset { get; private set; }

    /// <summary>From now on what a command used is what a glance at its end says, counted from here.</summary>
    /// <param name="sandbox">As <see cref="Sandbox.Glance"/>.</param>
    public void LookAt(Func<SandboxGlance> sandbox)
    {
        lock (looking)
        {
            glance = sandbox;
            disk = glance().DiskBytes;
        }
    }

    /// <summary>
    /// The sandbox is about to go, and the end of its output may not have been read: what it used until now is what the
    /// commands in there used.
    /// </summary>
    public void LookForTheLastTime()
    {
        lock (looking)
        {
            var last = glance();
            glance = () => last;
        }
    }

    /// <summary>
    /// Reports what is left, then the runner's own last words: for them there is room in a full log too.
    /// Returns when the last byte has been reported; throws what the reporter threw.
    /// </summary>
    public async ValueTask CompleteAsync(string lastWords)
    {
        await DrainAsync();
        if (lastWords.Length == 0)
            return;
        var bytes = Encoding.UTF8.GetBytes(lastWords);
        ending.Obey(await report(new OutputWritten(Offset, bytes)));
        Offset += bytes.Length;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await DrainAsync();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // CompleteAsync is the place to hear of it; who did not call it is already failing for another reason.
        }
    }

    /// <summary>Reports what is left of the output. Returns when its last byte has been reported.</summary>
    public async ValueTask DrainAsync()
    {
        if (!over)
            await pipe.Writer.CompleteAsync();
        over = true;
        await pumping;
    }

    private async Task PumpAsync()
    {
        var masked = new ArrayBufferWriter<byte>(BatchBytes);
        var log = new ArrayBufferWriter<byte>(BatchBytes);
        var phases = new List<PhaseEnd>();
        try
        {
            while (true)
            {
                var read = await ReadBatchAsync();
                // The marks come behind the redactor, so that their offsets are the log's.
                foreach (var segment in read.Buffer)
                    redactor.Redact(segment.Span, last: false, masked);
                if (read.IsCompleted)
                    redactor.Redact([], last: true, masked);
                marks.Take(masked.WrittenSpan, log, phases);
                if (read.IsCompleted)
                    marks.Complete(log);
                if (!read.Buffer.IsEmpty)
                    ending.Heard();
                pipe.Reader.AdvanceTo(read.Buffer.End);

                await SendAsync(log.WrittenMemory, phases);
                masked.ResetWrittenCount();
                log.ResetWrittenCount();
                phases.Clear();
                if (read.IsCompleted)
                    return;
            }
        }
        catch (Exception e)
        {
            // The sandbox's next write fails instead of waiting for a reader that is gone.
            await pipe.Reader.CompleteAsync(e);
            throw;
        }
    }

    // The first bytes go at once; what follows goes together, up to 64 KB, for as long as the pace says.
    private async ValueTask<ReadResult> ReadBatchAsync()
    {
        var read = await pipe.Reader.ReadAsync();
        if (pace.Rest is var rest && rest > TimeSpan.Zero)
        {
            using var timer = time.CreateTimer(
                _ => pipe.Reader.CancelPendingRead(),
                null,
                rest,
                Timeout.InfiniteTimeSpan
            );
            while (read.Buffer.Length < BatchBytes && !read.IsCompleted && !read.IsCanceled)
            {
                pipe.Reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                read = await pipe.Reader.ReadAsync();
            }
        }
        return read;
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> log, List<PhaseEnd> phases)
    {
        var room = Math.Max(0, bytesMax - Offset);
        if (log.Length > room)
            ending.LogIsFull(); // the rest is read and dropped, so that the job can end
        log = log[..(int)Math.Min(log.Length, room)];
        if (!log.IsEmpty)
        {
            ending.Obey(await report(new OutputWritten(Offset, log)));
            Offset += log.Length;
            pace.Sent();
        }
        while (marks.Commands.TryDequeue(out var command))
            ending.Obey(await report(Used(command)));
        foreach (var phase in phases)
            ending.Obey(await report(phase.ToEvent()));
    }

    private CommandFinished Used(CommandEnd command)
    {
        lock (looking)
        {
            var seen = glance();
            var written = seen.DiskBytes - disk;
            disk = seen.DiskBytes ?? disk;
            return new CommandFinished(
                ++commands,
                command.Phase,
                command.Command,
                command.ExitCode,
                command.Took,
                command.Timer,
                new JobUse(
                    seen.PeakMemoryBytes,
                    command.Processor.TotalSeconds,
                    written is { } bytes ? Math.Max(0, bytes) : null
                )
            );
        }
    }
}
