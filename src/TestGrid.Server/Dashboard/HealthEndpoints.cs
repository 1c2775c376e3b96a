using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using TestGrid.Server.Access;

namespace TestGrid.Server.Dashboard;

/// <param name="Status"><c>ok</c>, or what is wrong.</param>
public sealed record HealthRecord(string Status);

public sealed record VersionRecord(string Version);

/// <summary>For those who watch over the server: is it alive, is it ready, which is it.</summary>
public static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("/livez", () => TypedResults.Ok(new HealthRecord("ok"))).WithTags("Health").WithName("IsAlive");
        app.MapGet("/readyz", ReadyAsync).WithTags("Health").WithName("IsReady");
        app.MapGet("/version", () => TypedResults.Ok(new VersionRecord(SignInEndpoints.Version)))
            .WithTags("Health")
            .WithName("GetVersion");
    }

    /// <summary>
    /// Ready means that nothing is wrong now, looked at anew. While a broker is away webhooks are answered all the same:
    /// their builds wait in the store.
    /// </summary>
    private static async Task<Results<Ok<HealthRecord>, ProblemHttpResult>> ReadyAsync(
        ConditionWatch watch,
        CancellationToken stop
    ) =>
        (await watch.LookAsync(stop)).Troubles is [var first, ..]
            ? TypedResults.Problem(
                first.Detail,
                statusCode: StatusCodes.Status503ServiceUnavailable,
                title: first.Title
            )
            : TypedResults.Ok(new HealthRecord("ok"));
}
