using Microsoft.Extensions.Time.Testing;
using TestGrid.Runner.Link;
using TestGrid.Server.Scheduling;
using TestGrid.Server.Stages;

namespace TestGrid.Tests.Server.Scheduling;

public sealed class RunnerRoomTests
{
    private static readonly RunnerOffer Offer = new("1", "Debian", "x64", ["native"], []);

    private readonly FakeTimeProvider time = new();
    private readonly Bells bells = new();
    private readonly RunnerRoom room;

    public RunnerRoomTests() => room = new RunnerRoom(new SchedulingOptions(), bells, time);

    [Fact]
    public void It_counts_embedded_and_remote_slots_of_those_that_are_here()
    {
        room.Set("embedded", 2);
        room.Hear(new RunnerHello("b1", 3, Offer));
        room.Hear(new RunnerHello("b2", 4, Offer));
        Assert.Equal(9, room.Slots);

        time.Advance(TimeSpan.FromSeconds(10));
        room.Hear("b2");
        time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(6, room.Slots);
        Assert.Equal("runner b1 is away", room.Missed);
        Assert.Equal(
            [RunnerState.Away, RunnerState.Connected, RunnerState.Connected],
            room.Runners.Select(runner => runner.State)
        );
    }

    [Fact]
    public void Who_said_goodbye_is_not_missed_and_who_comes_back_is_here()
    {
        room.Hear(new RunnerHello("b1", 1, Offer));
        room.Leave("b1");
        Assert.True(room.IsEmpty);
        Assert.Null(room.Missed);
        room.Hear("b1"); // a late word of it
        Assert.True(room.IsEmpty);

        var ring = bells.Room.NextRing;
        Assert.True(room.Hear(new RunnerHello("b1", 1, Offer)));

        Assert.True(ring.IsCompleted);
        Assert.Equal(1, room.Slots);
        Assert.False(room.Hear(new RunnerHello("b1", 1, Offer))); // no news
    }

    [Fact]
    public void A_server_that_starts_again_misses_who_was_here()
    {
        room.Recall(new RunnerHello("b1", 1, Offer), time.GetUtcNow() - TimeSpan.FromMinutes(1), left: false);
        room.Recall(new RunnerHello("b2", 1, Offer), time.GetUtcNow() - TimeSpan.FromMinutes(1), left: true);
        room.Recall(new RunnerHello("b3", 1, Offer), time.GetUtcNow() - TimeSpan.FromDays(2), left: false);

        Assert.True(room.IsEmpty);
        Assert.Equal("runner b1 is away", room.Missed);
    }
}
