using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using TestGrid.Runner.Queues;
using TestGrid.Server.Access;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Dashboard;

/// <param name="Status"><c>ok</c>, or what is wrong.</param>
public sealed record HealthRecord(string Status);

public sealed record VersionRecord(string Version);

/// <summary>For those who watch over the server: is it alive, is it ready, which is it.</summary>
public static class HealthEndpoints
{
    /// <summary>With less free in the data folder the server is not ready.</summary>
    public const long FreeBytesMin = 256L << 20;

    private static readonly TimeSpan WriteTimeMax = TimeSpan.FromSeconds(5);

    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("/livez", () => TypedResults.Ok(new HealthRecord("ok"))).WithTags("Health").WithName("IsAlive");
        app.MapGet("/readyz", ReadyAsync).WithTags("Health").WithName("IsReady");
        app.MapGet("/version", () => TypedResults.Ok(new VersionRecord(SignInEndpoints.Version)))
            .WithTags("Health")
            .WithName("GetVersion");
    }

    /// <summary>
    /// Ready means that a write gets to the disk (builds and leases live there), that there is room, and that the queue
    /// takes jobs. While a broker is away webhooks are answered all the same: their builds wait in the store.
    /// </summary>
    private static async Task<Results<Ok<HealthRecord>, ProblemHttpResult>> ReadyAsync(
        SqliteDatabase database,
        DataFolder folder,
        IJobQueue queue,
        TimeProvider time,
        CancellationToken stop
    )
    {
        try
        {
            await database.PingAsync(stop).WaitAsync(WriteTimeMax, time, stop);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)
        {
            return NotReady("The database takes no writes", e.Message);
        }
        var free = new DriveInfo(folder.Path).AvailableFreeSpace;
        if (free < FreeBytesMin)
            return NotReady(
                "The data folder's disk is full",
                $"{free >> 20} MB are free; {FreeBytesMin >> 20} are needed."
            );
        return await queue.TroubleAsync(stop) is { } trouble
            ? NotReady("The queue is away", $"{trouble}. Webhooks are taken, and their jobs wait.")
            : TypedResults.Ok(new HealthRecord("ok"));
    }

    private static ProblemHttpResult NotReady(string title, string detail) =>
        TypedResults.Problem(detail, statusCode: StatusCodes.Status503ServiceUnavailable, title: title);
}
