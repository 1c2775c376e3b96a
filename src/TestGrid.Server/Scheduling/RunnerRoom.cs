using System.Collections.Concurrent;
using System.Collections.Immutable;
using TestGrid.Runner.Link;
using TestGrid.Server.Stages;

namespace TestGrid.Server.Scheduling;

/// <summary>
/// How many jobs the connected runners have room for: the embedded one, which is here as long as we are, and remote ones,
/// which are here while they are heard.
/// </summary>
public sealed class RunnerRoom(SchedulingOptions options, Bells bells, TimeProvider time)
{
    // Whoever was missing for longer is no news: it is on the list, and in nobody's waiting words.
    private static readonly TimeSpan MissedFor = TimeSpan.FromDays(1);
    private static readonly RunnerOffer Nothing = new("", "", "", [], []);

    private readonly DateTimeOffset began = time.GetUtcNow();
    private readonly ConcurrentDictionary<string, Seat> seats = new(StringComparer.Ordinal);

    /// <summary>Slots of all connected runners together.</summary>
    public int Slots => seats.Values.Where(IsHere).Sum(seat => seat.Slots);

    /// <summary>The most jobs of one repository at a time; 0 is no limit.</summary>
    public int PerRepository => options.PerRepository;

    /// <summary>A runner that is not heard for so long is away, and its name free.</summary>
    public TimeSpan AwayAfter => options.AwayAfter;

    /// <summary>No runner is connected.</summary>
    public bool IsEmpty => !seats.Values.Any(IsHere);

    /// <summary>Every runner, by name.</summary>
    public ImmutableArray<RunnerPresence> Runners =>
        [
            .. seats
                .OrderBy(seat => seat.Key, StringComparer.Ordinal)
                .Select(seat => new RunnerPresence(
                    seat.Key,
                    seat.Value.IsEmbedded,
                    StateOf(seat.Value),
                    seat.Value.Slots,
                    seat.Value.Offer,
                    seat.Value.IsEmbedded ? time.GetUtcNow() : seat.Value.HeardAt
                )),
        ];

    /// <summary>Who should be here and is not, in words: <c>runner b1 is away</c>; null when nobody is missed.</summary>
    public string? Missed
    {
        get
        {
            var now = time.GetUtcNow();
            var names = seats
                .Where(seat => StateOf(seat.Value) is RunnerState.Away && now - seat.Value.HeardAt < MissedFor)
                .Select(seat => seat.Key)
                .Order(StringComparer.Ordinal)
                .ToArray();
            return names switch
            {
                [] => null,
                [var one] => $"runner {one} is away",
                [.. var some] when some.Length <= 3 => $"runners {string.Join(", ", some)} are away",
                _ => $"{names.Length} runners are away",
            };
        }
    }

    /// <summary>The embedded runner is here, and runs this many jobs at a time.</summary>
    public void Set(string runner, int jobs, RunnerOffer? offer = null)
    {
        seats[runner] = new Seat(true, jobs, offer ?? Nothing, time.GetUtcNow(), Left: false, "");
        bells.Room.Ring();
        bells.Runners.Ring();
    }

    /// <summary>It is nobody's runner any more.</summary>
    public void Remove(string runner)
    {
        seats.TryRemove(runner, out _);
        bells.Room.Ring();
        bells.Runners.Ring();
    }

    /// <summary>Is this the name of the embedded runner? No other may take it.</summary>
    public bool IsEmbedded(string runner) => seats.TryGetValue(runner, out var seat) && seat.IsEmbedded;

    /// <summary>
    /// How long ago a runner of this name was heard from another place, where it still is as far as anybody can tell; null
    /// when the name is free for this one.
    /// </summary>
    public TimeSpan? HeardElsewhere(string runner, string place)
    {
        if (!seats.TryGetValue(runner, out var seat) || seat.IsEmbedded || seat.Left || seat.Place == place)
            return null;
        var now = time.GetUtcNow();
        // While this server was away it heard nobody: whoever was here before it has that long to say so again.
        var heardAt = seat.HeardAt > began ? seat.HeardAt : began;
        return now - heardAt <= options.AwayAfter ? now - seat.HeardAt : null;
    }

    /// <summary>A remote runner said who it is. True when that is news.</summary>
    public bool Hear(RunnerHello hello)
    {
        var seat = new Seat(false, hello.Slots, hello.Offer, time.GetUtcNow(), Left: false, hello.Place);
        var before = seats.GetValueOrDefault(hello.Name);
        seats[hello.Name] = seat;
        if (before is not null && IsHere(before) && before.Slots == seat.Slots && before.Offer.Same(seat.Offer))
            return false;
        bells.Room.Ring();
        bells.Runners.Ring();
        return true;
    }

    /// <summary>A remote runner was heard from, whatever it said.</summary>
    public void Hear(string runner)
    {
        if (!seats.TryGetValue(runner, out var seat) || seat.IsEmbedded || seat.Left)
            return;
        var now = time.GetUtcNow();
        if (now - seat.HeardAt < TimeSpan.FromSeconds(1))
            return;
        seats.TryUpdate(runner, seat with { HeardAt = now }, seat); // whoever was quicker has heard it as well
        if (!IsHere(seat))
            bells.Room.Ring();
    }

    /// <summary>A remote runner said goodbye: nobody misses it.</summary>
    public void Leave(string runner)
    {
        if (seats.TryGetValue(runner, out var seat) && !seat.IsEmbedded)
            seats[runner] = seat with { Left = true };
        bells.Room.Ring();
        bells.Runners.Ring();
    }

    /// <summary>The server starts: a remote runner that it knew before, and has not heard yet.</summary>
    public void Recall(RunnerHello hello, DateTimeOffset heardAt, bool left) =>
        seats.TryAdd(hello.Name, new Seat(false, hello.Slots, hello.Offer, heardAt, left, hello.Place));

    private bool IsHere(Seat seat) => StateOf(seat) is RunnerState.Connected;

    private RunnerState StateOf(Seat seat) =>
        seat.IsEmbedded ? RunnerState.Connected
        : seat.Left ? RunnerState.Stopped
        : time.GetUtcNow() - seat.HeardAt <= options.AwayAfter ? RunnerState.Connected
        : RunnerState.Away;

    private sealed record Seat(
        bool IsEmbedded,
        int Slots,
        RunnerOffer Offer,
        DateTimeOffset HeardAt,
        bool Left,
        string Place
    );
}

/// <summary>One runner as the room knows it.</summary>
public sealed record RunnerPresence(
    string Name,
    bool IsEmbedded,
    RunnerState State,
    int Slots,
    RunnerOffer Offer,
    DateTimeOffset HeardAt
);

/// <summary>Whether a runner takes jobs.</summary>
public enum RunnerState
{
    /// <summary>It was heard just now.</summary>
    Connected,

    /// <summary>It was not heard, and did not say goodbye.</summary>
    Away,

    /// <summary>It said goodbye.</summary>
    Stopped,
}
