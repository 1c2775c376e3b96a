using System.Collections.Concurrent;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Webhooks;

/// <summary>
/// Keeps refused deliveries without letting a stranger fill the disk: of each kind one row in ten minutes, which says
/// how many more there were before it. The body of a refused delivery is never kept, nor its words.
/// </summary>
public sealed class Refusals(DeliveryStore deliveries, Bells bells, TimeProvider time)
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(10);
    private const int KindsMax = 4096;

    private readonly ConcurrentDictionary<(long? Repository, string Host), Tally> kinds = new();

    /// <param name="repository">The registered repository it named, or null: a stranger's words make no new kind.</param>
    /// <param name="host">The git host's folder.</param>
    /// <param name="why">For the operator; the sender learns nothing.</param>
    /// <param name="stop">Gives up.</param>
    public async Task AddAsync(long? repository, string host, string why, CancellationToken stop)
    {
        if (kinds.Count > KindsMax)
            kinds.Clear();
        var kind = kinds.GetOrAdd((repository, host), _ => new Tally());
        var now = time.GetUtcNow();
        int more;
        lock (kind)
        {
            if (now < kind.Next)
            {
                kind.Unwritten++;
                return;
            }
            (more, kind.Unwritten, kind.Next) = (kind.Unwritten, 0, now + Every);
        }
        var sentence = more == 0 ? why : $"{why}; {more} more were refused since the one before";
        await deliveries.AddAsync(new Delivery(repository, host, "", "", ""), DeliveryOutcome.Refused, sentence, stop);
        bells.Repositories.Ring();
    }

    private sealed class Tally
    {
        public DateTimeOffset Next;
        public int Unwritten;
    }
}
