using System.Buffers;
using System.Text;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Tests.Runner;

public sealed class LimitWordsTests
{
    private static readonly JobLimits Limits = JobLimits.Default with
    {
        MemoryBytes = 512 << 20,
        DiskBytes = 64 << 20,
        Processes = 40,
    };

    [Fact]
    public void Out_of_memory_names_the_limit_and_the_command()
    {
        var verdict = LimitWords.Judge(Limits, new SandboxExit(2, OutOfMemory: true), Marks("begin;script", Failed));

        Assert.Equal((JobState.Errored, JobReason.Oom, 2), (verdict.State, verdict.Reason, verdict.ExitCode));
        Assert.StartsWith("Out of memory at 512 MiB in \"make test\".", verdict.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Out_of_memory_with_the_shell_itself_names_the_phase()
    {
        var verdict = LimitWords.Judge(Limits, new SandboxExit(137, OutOfMemory: true), Marks("begin;script"));

        Assert.StartsWith("Out of memory at 512 MiB during script.", verdict.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_disk_is_a_limit_of_a_job_that_failed_and_no_matter_to_one_that_passed()
    {
        var use = new SandboxUse(1, null, 64 << 20, DiskFull: true, ProcessesRefused: false);

        var failed = LimitWords.Judge(Limits, new SandboxExit(1, Use: use), Marks("begin;script", Failed));
        var passed = LimitWords.Judge(Limits, new SandboxExit(0, Use: use), Marks("begin;script"));

        Assert.Equal((JobState.Errored, JobReason.DiskLimit), (failed.State, failed.Reason));
        Assert.Contains("full in \"make test\"", failed.Sentence, StringComparison.Ordinal);
        Assert.Contains("64 MiB", failed.Sentence, StringComparison.Ordinal);
        Assert.Equal(JobState.Passed, passed.State);
    }

    [Fact]
    public void Refused_processes_are_a_limit_of_a_job_that_failed_and_no_matter_to_one_that_passed()
    {
        var use = new SandboxUse(null, null, null, DiskFull: false, ProcessesRefused: true);

        var failed = LimitWords.Judge(Limits, new SandboxExit(1, Use: use), Marks("begin;script", Failed));
        var passed = LimitWords.Judge(Limits, new SandboxExit(0, Use: use), Marks("begin;script"));

        Assert.Equal((JobState.Errored, JobReason.PidsLimit, 1), (failed.State, failed.Reason, failed.ExitCode));
        Assert.StartsWith("Process limit of 40 reached in \"make test\"", failed.Sentence, StringComparison.Ordinal);
        Assert.Equal(JobState.Passed, passed.State);
    }

    [Theory]
    [InlineData(JobReason.Timeout, true)]
    [InlineData(JobReason.NoOutput, true)]
    [InlineData(JobReason.LogLimit, false)]
    public void A_clock_that_ended_a_fork_bomb_says_so(string reason, bool told)
    {
        var use = new SandboxUse(null, null, null, DiskFull: false, ProcessesRefused: true);
        var verdict = new JobVerdict(JobState.Errored, reason, "Ended.");

        Assert.Equal(
            told ? "Ended. Its process limit of 40 was reached before." : "Ended.",
            LimitWords.Hint(verdict, Limits, use).Sentence
        );
        Assert.Equal("Ended.", LimitWords.Hint(verdict, Limits, use with { ProcessesRefused = false }).Sentence);
    }

    [Fact]
    public void What_was_used_is_one_line_of_what_is_known()
    {
        var all = new SandboxUse(312L << 20, TimeSpan.FromSeconds(12.34), 45 << 20, false, false);

        Assert.Equal(
            "It used 312 MiB of memory at most, 12.3 s of processor time, 45 MiB on disk.",
            LimitWords.Used(all)?.InWords()
        );
        Assert.Null(LimitWords.Used(new SandboxUse(null, null, null, false, false)));
        Assert.Null(LimitWords.Used(null));
    }

    private const string Failed = "end;script;137;1000;make test";

    private static PhaseMarks Marks(params string[] bodies)
    {
        var key = PhaseMarks.NewKey();
        var marks = new PhaseMarks(key);
        foreach (var body in bodies)
            marks.Take(Encoding.UTF8.GetBytes($"\e]testgrid;{key};{body}\a"), new ArrayBufferWriter<byte>(), []);
        return marks;
    }
}
