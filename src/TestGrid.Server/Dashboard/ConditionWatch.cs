using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using TestGrid.Runner.Queues;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Dashboard;

/// <summary>A part of the server that cannot do its work.</summary>
/// <param name="Part"><c>database</c>, <c>disk</c> or <c>queue</c>.</param>
/// <param name="Title">What is wrong, in a few words.</param>
/// <param name="Detail">Why, and what goes on meanwhile.</param>
/// <param name="Remedy">A line to paste that mends it, or the first step to it.</param>
/// <param name="Since">When it was first seen.</param>
public sealed record TroubleRecord(string Part, string Title, string Detail, string Remedy, DateTimeOffset Since);

/// <summary>How the server is. Without a trouble it is ready.</summary>
public sealed record ConditionRecord(ImmutableArray<TroubleRecord> Troubles);

/// <summary>
/// Looks every second at what the server needs: a write gets to the disk (builds and leases live there), there is room,
/// and the queue takes jobs. Rings when something went wrong, or is well again.
/// </summary>
public sealed class ConditionWatch(
    SqliteDatabase database,
    DataFolder folder,
    IJobQueue queue,
    Bells bells,
    TimeProvider time,
    ILogger<ConditionWatch> log
) : Stage(new Bell(), time, log)
{
    /// <summary>With less free in the data folder the server is not ready.</summary>
    public const long FreeBytesMin = 256L << 20;

    private static readonly TimeSpan WriteTimeMax = TimeSpan.FromSeconds(5);

    private readonly TimeProvider time = time;
    private ConditionRecord last = new([]);

    /// <summary>What the last look found.</summary>
    public ConditionRecord Last => Volatile.Read(ref last);

    // Nothing rings when a disk fills or a broker dies.
    protected override TimeSpan PollTime => TimeSpan.FromSeconds(1);

    /// <summary>Looks now. Takes seconds when something hangs.</summary>
    public async Task<ConditionRecord> LookAsync(CancellationToken stop)
    {
        var found = new[] { await DatabaseAsync(stop), Disk(), await QueueAsync(stop) };
        while (true)
        {
            var before = Last;
            var now = new ConditionRecord([
                .. found.OfType<TroubleRecord>().Select(one => one with { Since = Since(before, one.Part) }),
            ]);
            if (now.Troubles.SequenceEqual(before.Troubles))
                return before;
            // Others look too: whoever was quicker has said since when.
            if (Interlocked.CompareExchange(ref last, now, before) != before)
                continue;
            bells.Condition.Ring();
            return now;
        }
    }

    protected override async Task<bool> DoOneAsync(CancellationToken stop)
    {
        await LookAsync(stop);
        return false;
    }

    private DateTimeOffset Since(ConditionRecord before, string part) =>
        before.Troubles.FirstOrDefault(one => one.Part == part)?.Since ?? time.GetUtcNow();

    private async Task<TroubleRecord?> DatabaseAsync(CancellationToken stop)
    {
        try
        {
            await database.PingAsync(stop).WaitAsync(WriteTimeMax, time, stop);
            return null;
        }
        catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)
        {
            return Wrong(
                "database",
                "The database takes no writes",
                $"{e.Message.TrimEnd('.')}. Webhooks are refused until it does, and git hosts send them again.",
                "testgrid doctor   # and the server's log: is its disk full, read-only or broken?"
            );
        }
    }

    private TroubleRecord? Disk()
    {
        var free = new DriveInfo(folder.Path).AvailableFreeSpace;
        return free >= FreeBytesMin
            ? null
            : Wrong(
                "disk",
                "The data folder's disk is full",
                $"{free >> 20} MB are free; {FreeBytesMin >> 20} are needed.",
                "testgrid store gc   # or more room there"
            );
    }

    private async Task<TroubleRecord?> QueueAsync(CancellationToken stop) =>
        await queue.TroubleAsync(stop) is { } trouble
            ? Wrong(
                "queue",
                "The queue is away",
                $"{trouble.Words}. Webhooks are taken, and their jobs wait.",
                trouble.Remedy
            )
            : null;

    private static TroubleRecord Wrong(string part, string title, string detail, string remedy) =>
        new(part, title, detail, remedy, default);
}

/// <summary><c>GET /api/v1/condition</c></summary>
public static class ConditionEndpoint
{
    public static void MapCondition(this IEndpointRouteBuilder app) =>
        app.MapGet("/api/v1/condition", (ConditionWatch watch) => TypedResults.Ok(watch.Last))
            .WithTags("Health")
            .WithName("GetCondition");
}
