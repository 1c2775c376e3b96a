using CsCheck;
using TestGrid.Core.Jobs;
using TestGrid.Server.Store;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Server.Store;

public sealed class LogFilesTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly LogFiles logs;
    private readonly JobId job = new(42, 3);

    public LogFilesTests() => logs = new LogFiles(folder.Path);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        logs.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Pieces_told_in_order_with_repeats_of_any_length_make_the_text_once() =>
        Gen.Select(Gen.Byte.Array[1, 2000], Gen.Int[0, 40].Array[1, 60])
            .Each(
                sample =>
                {
                    var (text, steps) = sample;
                    using var own = new TempFolder();
                    using var mine = new LogFiles(own.Path);
                    var told = 0;
                    foreach (var step in steps)
                    {
                        var from = Math.Max(0, told - step); // some of it again
                        var to = Math.Min(text.Length, told + step * 7);
                        Assert.True(mine.Append(job, 1, from, text.AsSpan(from, to - from)));
                        told = Math.Max(told, to);
                        Assert.Equal(told, mine.Length(job, 1));
                        Assert.False(mine.Append(job, 1, told + 1, [0]));
                    }
                    mine.Finish(job, 1);
                    Assert.Equal(
                        text[..told],
                        told == 0 ? [] : File.ReadAllBytes(Path.Combine(own.Path, "42", "3-1.log"))
                    );
                },
                100
            );

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    [InlineData(LogFiles.BytesMax)]
    public void An_offset_that_cannot_be_is_refused(long offset)
    {
        Assert.False(logs.Append(job, 1, offset, [1, 2, 3]));
        Assert.Equal(0, logs.Length(job, 1));
    }

    [Fact]
    public void After_a_restart_it_goes_on_at_its_end()
    {
        logs.Append(job, 1, 0, "one "u8);
        using var next = new LogFiles(folder.Path); // the first was killed: it finished nothing

        Assert.True(next.Append(job, 1, 0, "one two"u8));

        Assert.Equal(7, next.Length(job, 1));
    }

    [Fact]
    public async Task It_is_read_in_bounded_chunks_from_any_offset()
    {
        var text = new byte[LogFiles.ChunkBytes * 2 + 10];
        new Random(1).NextBytes(text);
        logs.Append(job, 1, 0, text);

        var chunks = new List<LogChunk>();
        await foreach (var chunk in logs.ReadAsync(job, 1, 5, Stop))
            chunks.Add(chunk);

        Assert.Equal([5, 5 + LogFiles.ChunkBytes, 5 + 2 * LogFiles.ChunkBytes], chunks.Select(chunk => chunk.Offset));
        Assert.Equal(text[5..], chunks.SelectMany(chunk => chunk.Bytes));
    }

    [Fact]
    public async Task What_is_not_there_reads_as_nothing()
    {
        await foreach (var chunk in logs.ReadAsync(job, 1, 0, Stop))
            Assert.Fail($"{chunk.Bytes.Length} bytes of nothing");
        Assert.Equal(0, logs.Length(job, 1));
        logs.Delete(42);
        logs.Finish(job, 1);
    }

    [Fact]
    public void Attempts_do_not_share_a_file_and_a_build_is_removed_whole()
    {
        logs.Append(job, 1, 0, "one"u8);
        logs.Append(job, 2, 0, "three"u8);
        logs.Finish(job, 1);
        logs.Finish(job, 2);
        Assert.Equal((3, 5, 8), (logs.Length(job, 1), logs.Length(job, 2), logs.Bytes(42)));

        logs.Delete(42);

        Assert.Equal((0, 0), (logs.Length(job, 1), logs.Bytes(42)));
    }
}
