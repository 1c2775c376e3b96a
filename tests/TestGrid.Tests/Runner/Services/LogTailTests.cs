using System.Text;
using TestGrid.Runner.Services;

namespace TestGrid.Tests.Runner.Services;

public sealed class LogTailTests
{
    [Theory]
    [InlineData("abc", "abc", 0)]
    [InlineData("abcdefgh", "abcdefgh", 0)]
    [InlineData("abcdefghij", "cdefghij", 2)]
    [InlineData("abcdefghijklmnopqrs", "lmnopqrs", 11)]
    public void The_end_is_kept_in_order_however_it_came(string all, string kept, long leftOut)
    {
        foreach (var piece in (int[])[1, 3, 8, 100])
        {
            var tail = new LogTail(8);
            foreach (var chunk in all.Chunk(piece))
                tail.Add(Encoding.ASCII.GetBytes(chunk));

            var (bytes, before) = tail.Read();
            Assert.Equal((kept, leftOut), (Encoding.ASCII.GetString(bytes), before));
        }
    }
}
