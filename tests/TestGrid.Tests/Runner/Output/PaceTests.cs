using Microsoft.Extensions.Time.Testing;
using TestGrid.Runner.Output;

namespace TestGrid.Tests.Runner.Output;

public sealed class PaceTests
{
    private readonly FakeTimeProvider time = new();

    [Fact]
    public void A_few_messages_go_at_once_and_then_one_for_20_ms()
    {
        var pace = Pace.OfLog(time);
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(TimeSpan.Zero, pace.Rest);
            pace.Sent();
        }

        Assert.Equal(TimeSpan.FromMilliseconds(20), pace.Rest);
        for (var sent = 0; sent < 8; sent++)
        {
            time.Advance(pace.Rest);
            pace.Sent();
        }
        Assert.Equal(TimeSpan.FromMilliseconds(160), time.GetUtcNow() - time.Start);
    }

    [Fact]
    public void After_a_silence_a_few_go_at_once_again()
    {
        var pace = Pace.OfLog(time);
        for (var i = 0; i < 20; i++)
            pace.Sent();
        Assert.NotEqual(TimeSpan.Zero, pace.Rest);

        time.Advance(TimeSpan.FromSeconds(1));

        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(TimeSpan.Zero, pace.Rest);
            pace.Sent();
        }
        Assert.NotEqual(TimeSpan.Zero, pace.Rest);
    }
}
