using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Hosting;
using TestGrid.Runner.Link;
using TestGrid.Runner.Reporting;
using TestGrid.Server.Scheduling;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Recording;

/// <summary>
/// Who the remote runners are: whose name is whose, who holds which lease, and when each was last heard. The room has it
/// in memory; the store has enough of it for a server that starts again to miss who is missing.
/// </summary>
public sealed partial class RunnerRegister(RunnerStore store, RunnerRoom room, TimeProvider time) : IHostedService
{
    private const int OfferMax = 500; // names, and characters of each
    private static readonly TimeSpan KeptEvery = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, (RunnerHello Hello, DateTimeOffset KeptAt)> kept = new();

    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var known in store.All())
            room.Recall(known.Hello, known.HeardAt, known.Left);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>A runner is here. Why it may not be, or null.</summary>
    public async ValueTask<string?> HelloAsync(RunnerHello hello, long token, CancellationToken stop)
    {
        if (!IsUsable(hello))
            return "A runner's name is 1 to 63 letters, digits, dots, dashes and underscores; it has 0 to 64 slots.";
        if (!await IsTokensAsync(hello.Name, token, stop))
            return $"The name {hello.Name} is another runner's. Give this one its own with --name.";
        // Or they would take each other's jobs away: a runner that starts gives back what its name holds.
        if (room.HeardElsewhere(hello.Name, hello.Place) is { } ago)
        {
            return $"A runner called {hello.Name} was heard {ago.TotalSeconds:0} s ago from another machine, or from another "
                + "data folder. Give this one its own name with --name. Should it stand in for one that is gone, start it "
                + $"again {room.AwayAfter.TotalSeconds:0} s after that.";
        }
        var now = time.GetUtcNow();
        var news = room.Hear(hello);
        // Seldom: a runner that is here and says nothing new leaves the disk alone.
        if (news || !kept.TryGetValue(hello.Name, out var last) || now - last.KeptAt > KeptEvery)
        {
            kept[hello.Name] = (hello, now);
            await store.HeardAsync(hello, left: false, stop);
        }
        return null;
    }

    /// <summary>A runner goes away on purpose.</summary>
    public async ValueTask GoodbyeAsync(string runner, RunnerCaller caller, CancellationToken stop)
    {
        if (!await OwnsAsync(runner, caller, stop) || !kept.TryRemove(runner, out var last))
            return;
        room.Leave(runner);
        await store.HeardAsync(last.Hello, left: true, stop);
    }

    /// <summary>The token is revoked, and its runners are nobody's.</summary>
    public async ValueTask<bool> RevokeAsync(long token, CancellationToken stop)
    {
        if (await store.RevokeTokenAsync(token, stop) is not { } names)
            return false;
        foreach (var name in names)
        {
            kept.TryRemove(name, out _);
            room.Remove(name);
        }
        return true;
    }

    /// <summary>Whether the name is the token's, and nobody is heard by it from another place.</summary>
    public async ValueTask<bool> OwnsAsync(string runner, RunnerCaller caller, CancellationToken stop) =>
        await IsTokensAsync(runner, caller.Token, stop) && room.HeardElsewhere(runner, caller.Place) is null;

    // The first token that says a name has it.
    private async ValueTask<bool> IsTokensAsync(string runner, long token, CancellationToken stop) =>
        Name.IsMatch(runner) && !room.IsEmbedded(runner) && await store.GiveNameAsync(runner, token, stop);

    /// <summary>Whether one of the token's runners claimed this attempt. It was heard, then.</summary>
    public bool Holds(JobLease lease, long token)
    {
        if (store.Holder(lease.Job, lease.Attempt, token) is not { } runner)
            return false;
        room.Hear(runner);
        return true;
    }

    private static bool IsUsable(RunnerHello hello) =>
        hello
            is {
                Name: not null,
                Place.Length: <= 64,
                Slots: >= 0 and <= 64,
                Offer: { Engines.IsDefault: false, Bundles.IsDefault: false }
            }
        && Name.IsMatch(hello.Name)
        && hello.Offer.Engines.Length <= OfferMax
        && hello.Offer.Bundles.Length <= OfferMax
        && hello
            .Offer.Engines.Concat(hello.Offer.Bundles)
            .Append(hello.Offer.Version)
            .Append(hello.Offer.Os)
            .Append(hello.Offer.Arch)
            .All(text => text is { Length: <= OfferMax } && !text.Any(char.IsControl));

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    private static partial Regex Name { get; }
}
