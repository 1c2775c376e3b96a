using System.Text;
using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Endings;
using TestGrid.Runner.Output;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Tests.Runner.Output;

public sealed class OutputPumpTests : IDisposable
{
    private const string Key = "00112233445566778899aabbccddeeff";
    private static readonly JobLimits Limits = JobLimits.Default with { LogBytes = 1000 };

    private readonly FakeTimeProvider time = new();
    private readonly Ending ending;
    private readonly List<JobEvent> heard = [];
    private readonly SemaphoreSlim heardOf = new(0);
    private JobWish wish = JobWish.CarryOn;

    public OutputPumpTests() => ending = new Ending(Limits, time, CancellationToken.None);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Bytes_come_out_at_their_offsets_and_the_runner_has_the_last_word()
    {
        await using var pump = Pump();
        await WriteAsync(pump, "one ");
        await WriteAsync(pump, "two");

        await pump.CompleteAsync("\nthe end");

        Assert.Equal("one two\nthe end", Log());
        AssertOffsetsAreWhole();
    }

    [Fact]
    public async Task Secrets_are_out_before_anything_is_told()
    {
        await using var pump = Pump("hunter22");
        await WriteAsync(pump, "password: hun");
        await WriteAsync(pump, "ter22!");

        await pump.CompleteAsync("");

        Assert.Equal("password: [secure]!", Log());
        AssertOffsetsAreWhole();
    }

    [Fact]
    public async Task A_phases_mark_becomes_an_event_and_stands_in_no_log()
    {
        await using var pump = Pump("hunter22");
        await WriteAsync(pump, $"hunter22\n\u001b]testgrid;{Key};begin;script\u0007$ make\n");
        await WriteAsync(pump, $"\u001b]testgrid;{Key};end;script;2;1500000000;make\u0007bye\n");

        await pump.CompleteAsync("");

        Assert.Equal("[secure]\n$ make\nbye\n", Log());
        var phase = Assert.Single(heard.OfType<PhaseFinished>());
        Assert.Equal(("script", 2, TimeSpan.FromSeconds(1.5)), (phase.Phase, phase.ExitCode, phase.Took));
        Assert.Equal("[secure]\n".Length, phase.LogOffset); // the log's offset, not the job's
    }

    [Fact]
    public async Task A_command_is_told_with_what_was_seen_at_its_end()
    {
        await using var pump = Pump();
        var looks = new Queue<SandboxGlance>([new(10, 100), new(70, 130), new(50, 120)]);
        pump.LookAt(looks.Dequeue);
        await WriteAsync(pump, $"\u001b]testgrid;{Key};command;0a;0;1000000;5;one\u0007");
        await heardOf.WaitAsync(Stop);
        pump.LookForTheLastTime();
        await WriteAsync(pump, $"\u001b]testgrid;{Key};command;0b;1;1000000;7;two\u0007");

        await pump.CompleteAsync("");

        Assert.Equal(
            [(1, "one", 0, new JobUse(70, 0.05, 30)), (2, "two", 1, new JobUse(50, 0.07, 0))],
            heard.OfType<CommandFinished>().Select(told => (told.Place, told.Command, told.ExitCode, told.Use))
        );
    }

    [Fact]
    public async Task A_log_over_its_limit_ends_the_job_and_keeps_its_beginning_and_the_last_word()
    {
        await using var pump = Pump();
        for (var i = 0; i < 30; i++)
            await WriteAsync(pump, new string((char)('a' + i % 26), 100));

        await pump.CompleteAsync("\nover");

        Assert.Equal(JobReason.LogLimit, Assert.IsType<EndingCause.Judged>(ending.Cause).Verdict.Reason);
        var log = Log();
        Assert.Equal(Limits.LogBytes + "\nover".Length, log.Length);
        Assert.StartsWith(new string('a', 100), log, StringComparison.Ordinal);
        Assert.EndsWith("\nover", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_servers_wish_in_an_answer_ends_the_job()
    {
        wish = JobWish.Stop;
        await using var pump = Pump();
        await WriteAsync(pump, "x");

        await pump.CompleteAsync("");

        Assert.Equal(JobState.Cancelled, Assert.IsType<EndingCause.Judged>(ending.Cause).Verdict.State);
    }

    [Fact]
    public async Task Output_ends_the_silence()
    {
        ending.StartClocks();
        time.Advance(Limits.Silence - TimeSpan.FromSeconds(1));
        await using var pump = Pump();
        await WriteAsync(pump, "x");
        await pump.DrainAsync();

        time.Advance(TimeSpan.FromSeconds(2));

        Assert.Null(ending.Cause);
    }

    [Fact]
    public async Task A_reporter_that_fails_fails_the_job_and_not_the_memory()
    {
        await using var pump = new OutputPump(
            Limits,
            new PhaseMarks(Key),
            new Redactor([]),
            ending,
            time,
            _ => throw new IOException("the server is away")
        );

        // The writer hears of it instead of filling a pipe that nobody reads.
        await Assert.ThrowsAsync<IOException>(async () =>
        {
            while (!(await pump.Writer.WriteAsync(new byte[100_000], Stop)).IsCompleted) { }
            await pump.CompleteAsync("");
        });
    }

    public void Dispose()
    {
        heardOf.Dispose();
        ending.Dispose();
    }

    private OutputPump Pump(params string[] secrets) =>
        new(
            Limits,
            new PhaseMarks(Key),
            new Redactor(secrets),
            ending,
            time,
            happened =>
            {
                // The bytes are the pump's own buffer: they are only ours until we answer.
                heard.Add(
                    happened is OutputWritten(var at, var bytes) ? new OutputWritten(at, bytes.ToArray()) : happened
                );
                if (happened is CommandFinished)
                    heardOf.Release();
                return ValueTask.FromResult(wish);
            }
        );

    private static async Task WriteAsync(OutputPump pump, string text) =>
        await pump.Writer.WriteAsync(Encoding.UTF8.GetBytes(text), Stop);

    private string Log() =>
        string.Concat(heard.OfType<OutputWritten>().Select(output => Encoding.UTF8.GetString(output.Bytes.Span)));

    private void AssertOffsetsAreWhole()
    {
        long next = 0;
        foreach (var output in heard.OfType<OutputWritten>())
        {
            Assert.Equal(next, output.Offset);
            next += output.Bytes.Length;
        }
    }
}
