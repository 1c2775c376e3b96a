using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using TestGrid.Server.GitHosts;
using TestGrid.Server.GitHosts.Generic;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Server.Webhooks;

namespace TestGrid.Server.Dashboard;

/// <summary>Deliveries: what came, what became of it, and a test.</summary>
public static class DeliveryEndpoints
{
    public static void MapDeliveries(this IEndpointRouteBuilder app)
    {
        var deliveries = app.MapGroup("/api/v1/repositories/{id:long}/deliveries").WithTags("Webhooks");
        deliveries.MapGet("/", List).WithName("ListDeliveries");
        deliveries.MapPost("/test", TestAsync).WithName("SendTestDelivery");
    }

    private static Results<Ok<ImmutableArray<DeliveryRecord>>, ProblemHttpResult> List(
        long id,
        int? limit,
        RepositoryStore repositories,
        DeliveryStore deliveries
    ) =>
        repositories.Find(id) is null
            ? Answers.NoRepository(id)
            : TypedResults.Ok(deliveries.List(id, Math.Clamp(limit ?? 50, 1, 500)));

    /// <summary>Signs a ping with the repository's secret and puts it through the same door as any other delivery.</summary>
    private static async Task<Results<Ok<DeliveryRecord>, ProblemHttpResult>> TestAsync(
        long id,
        RepositoryStore repositories,
        DeliveryStore deliveries,
        Reception reception,
        CancellationToken stop
    )
    {
        if (repositories.Find(id) is null || repositories.HookSecret(id) is not { } secret)
            return Answers.NoRepository(id);
        var body = """{"event": "ping", "message": "a test delivery"}"""u8.ToArray();
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            [GenericHost.Header] = Signature.Of(body, secret),
            [GenericHost.DeliveryHeader] = $"test-{Hashes.Random()[..16]}",
        };
        await reception.TakeAsync(id, new HookRequest(headers.GetValueOrDefault, body), stop);
        return
            deliveries.List(id, 20).FirstOrDefault(one => one.DeliveryId == headers[GenericHost.DeliveryHeader])
                is { } record
            ? TypedResults.Ok(record)
            : Answers.Conflict("The test delivery was refused", "Its secret changed meanwhile: send it again.");
    }
}
