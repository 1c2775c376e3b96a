using System.Buffers;
using System.Text;
using CsCheck;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Jobs;

public sealed class PhaseMarksTests
{
    private const string Key = "0123456789abcdef0123456789abcdef";

    [Fact]
    public void Marks_are_taken_out_whatever_the_borders_of_the_chunks()
    {
        var output = Bytes($"before{Mark("begin;install")}one\ntwo{Mark("end;install;3;2000000000;make; now")}after\n");

        for (var size = 1; size <= 50; size++)
        {
            var (log, ended, marks) = Run(output, size);

            Assert.Equal("beforeone\ntwoafter\n", log);
            Assert.Equal([new PhaseEnd("install", 3, TimeSpan.FromSeconds(2), 6, "make; now")], ended);
            Assert.Equal(ended[0], marks.FirstFailure);
            Assert.Null(marks.Current);
        }
    }

    [Fact]
    public void A_commands_mark_tells_what_it_took_and_where()
    {
        var output = Bytes($"{Mark("begin;script")}$ make\n{Mark("command;0f;2;1500000000;120;make; now")}done\n");

        for (var size = 1; size <= 50; size++)
        {
            var (log, _, marks) = Run(output, size);

            Assert.Equal("$ make\ndone\n", log);
            Assert.Equal(
                new CommandEnd("script", "make; now", 2, TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(1.2), "0f"),
                Assert.Single(marks.Commands)
            );
        }
    }

    [Theory]
    [InlineData("command;0f;2;now;120;make")]
    [InlineData("command;0f;2")]
    [InlineData("command;0123456789012345678901234567890123456789x;0;1;1;make")]
    public void A_commands_mark_that_cannot_be_is_no_command(string body) =>
        Assert.Empty(Run(Bytes(Mark(body)), 9).Marks.Commands);

    [Fact]
    public void Of_commands_without_number_the_first_are_told()
    {
        var marks = new PhaseMarks(Key);
        for (var i = 0; i < PhaseMarks.CommandsMost + 10; i++)
            marks.Take(Bytes(Mark($"command;;0;1;1;{i}")), new ArrayBufferWriter<byte>(), []);

        Assert.Equal(PhaseMarks.CommandsMost, marks.Commands.Count);
    }

    [Fact]
    public void Any_output_passes_unchanged_but_for_marks() =>
        Gen.Select(Gen.Byte.Array[0, 300], Gen.Byte.Array[0, 300], Gen.Int[1, 64])
            .Each(
                sample =>
                {
                    var (before, after, size) = sample;
                    byte[] all = [.. before, .. Bytes(Mark("begin;script")), .. after];
                    var log = new ArrayBufferWriter<byte>();
                    var marks = new PhaseMarks(Key);
                    foreach (var chunk in all.Chunk(size))
                        marks.Take(chunk, log, []);
                    marks.Complete(log);

                    Assert.Equal([.. before, .. after], log.WrittenSpan.ToArray());
                    Assert.Equal("script", marks.Current);
                },
                300
            );

    [Fact]
    public void A_mark_with_another_key_is_output()
    {
        var foreign = "\u001b]testgrid;ffffffffffffffffffffffffffffffff;end;script;0;1;\a";

        var (log, ended, _) = Run(Bytes(foreign), 7);

        Assert.Equal(foreign, log);
        Assert.Empty(ended);
    }

    [Fact]
    public void Half_a_mark_is_held_back_and_given_when_the_output_ends()
    {
        var (log, marks) = (new ArrayBufferWriter<byte>(), new PhaseMarks(Key));
        var half = $"\u001b]testgrid;{Key};beg";

        marks.Take(Bytes("x" + half), log, []);
        Assert.Equal("x", Encoding.UTF8.GetString(log.WrittenSpan));
        marks.Complete(log);

        Assert.Equal("x" + half, Encoding.UTF8.GetString(log.WrittenSpan));
    }

    [Fact]
    public void A_mark_that_never_ends_holds_nothing_up()
    {
        var text = $"\u001b]testgrid;{Key};end;{new string('x', 5000)}";

        Assert.Equal(text, Run(Bytes(text), 100).Log);
    }

    [Fact]
    public void A_mark_that_makes_no_sense_is_dropped_and_breaks_nothing()
    {
        var (log, ended, _) = Run(Bytes(Mark("end;script;x;y;") + Mark("") + Mark("begin") + "ok"), 9);

        Assert.Equal("ok", log);
        Assert.Empty(ended);
    }

    [Fact]
    public void Phases_that_change_no_result_are_no_failure()
    {
        var (_, ended, marks) = Run(Bytes(Mark("end;after_success;1;1;false") + Mark("end;script;2;1;make")), 1000);

        Assert.Equal(2, ended.Count);
        Assert.Equal("script", marks.FirstFailure!.Phase);
    }

    [Theory]
    [InlineData(0, JobState.Passed)]
    [InlineData(1, JobState.Failed)]
    [InlineData(2, JobState.Errored)]
    [InlineData(86, JobState.Errored)]
    [InlineData(137, JobState.Errored)]
    public void The_exit_code_alone_decides(int exitCode, JobState state)
    {
        var failure = new PhaseEnd("install", 7, TimeSpan.Zero, 0, "make deps");

        Assert.Equal(state, JobScript.VerdictOf(exitCode).State);
        Assert.Equal(state, JobScript.VerdictOf(exitCode, failure, "install").State);
    }

    [Fact]
    public void A_sentence_names_phase_and_command_or_the_signal()
    {
        var failure = new PhaseEnd("install", 7, TimeSpan.Zero, 0, "make deps");

        Assert.Equal(
            "install failed: the command \"make deps\" exited with 7.",
            JobScript.VerdictOf(2, failure).Sentence
        );
        Assert.Equal(
            "The job's shell was ended by signal 9 during script.",
            JobScript.VerdictOf(137, current: "script").Sentence
        );
    }

    private static (string Log, List<PhaseEnd> Ended, PhaseMarks Marks) Run(byte[] output, int size)
    {
        var (log, ended, marks) = (new ArrayBufferWriter<byte>(), new List<PhaseEnd>(), new PhaseMarks(Key));
        foreach (var chunk in output.Chunk(size))
            marks.Take(chunk, log, ended);
        marks.Complete(log);
        return (Encoding.UTF8.GetString(log.WrittenSpan), ended, marks);
    }

    private static string Mark(string body) => $"\u001b]testgrid;{Key};{body}\a";

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
