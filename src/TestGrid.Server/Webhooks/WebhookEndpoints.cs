using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using TestGrid.Server.Access;
using TestGrid.Server.GitHosts;
using TestGrid.Server.Store;

namespace TestGrid.Server.Webhooks;

/// <summary>The answer to a delivery. The build is on the disk when it is sent.</summary>
/// <param name="Build">The build's id, if there is one.</param>
/// <param name="Url">Where to watch it.</param>
/// <param name="Outcome">accepted, duplicate, ignored.</param>
/// <param name="Why">In words.</param>
public sealed record HookReceipt(long? Build, string? Url, string Outcome, string Why);

/// <summary>The doors that git hosts knock at. What comes in is a stranger's until its signature says otherwise.</summary>
public static class WebhookEndpoints
{
    public static void MapWebhooks(this IEndpointRouteBuilder app)
    {
        var hooks = app.MapGroup("/hooks").WithTags("Webhooks");
        Describe(hooks.MapPost("/r/{id:long}", TakeForRepositoryAsync).WithName("HookOfRepository"));
        Describe(hooks.MapPost("/{host}", TakeAsync).WithName("HookOfHost"));
    }

    private static void Describe(RouteHandlerBuilder hook)
    {
        hook.Produces<HookReceipt>(StatusCodes.Status202Accepted).Produces<HookReceipt>();
        foreach (var status in new[] { 401, 408, 413, 422, 503 })
            hook.ProducesProblem(status);
    }

    private static async Task<IResult> TakeAsync(
        string host,
        HttpRequest request,
        Reception reception,
        HookBodies bodies,
        PublicAddress address,
        CancellationToken stop
    )
    {
        if (reception.Host(host) is not { } known)
            return TypedResults.NotFound();
        using var body = await bodies.ReadAsync(request, stop);
        return body.Status != 0
            ? Unread(request, body.Status)
            : Answer(await reception.TakeAsync(known, Request(request, body), stop), address);
    }

    private static async Task<IResult> TakeForRepositoryAsync(
        long id,
        HttpRequest request,
        Reception reception,
        HookBodies bodies,
        PublicAddress address,
        CancellationToken stop
    )
    {
        using var body = await bodies.ReadAsync(request, stop);
        return body.Status != 0
            ? Unread(request, body.Status)
            : Answer(await reception.TakeAsync(id, Request(request, body), stop), address);
    }

    private static HookRequest Request(HttpRequest request, HookBodies.HookBody body) =>
        new(name => request.Headers[name].Count == 0 ? null : request.Headers[name].ToString(), body.Bytes);

    private static IResult Answer(Received received, PublicAddress address)
    {
        switch (received.Outcome)
        {
            case DeliveryOutcome.Accepted or DeliveryOutcome.Duplicate:
                var url = address.OfBuild(received.Build!.Value);
                return TypedResults.Accepted(url, new HookReceipt(received.Build, url, received.Outcome, received.Why));

            case DeliveryOutcome.Ignored: // anything but a success is sent again
                return TypedResults.Ok(new HookReceipt(null, null, received.Outcome, received.Why));

            case DeliveryOutcome.Unusable:
                return TypedResults.Problem(
                    received.Why,
                    statusCode: StatusCodes.Status422UnprocessableEntity,
                    title: "The delivery is signed and cannot be used"
                );

            default: // a stranger learns nothing: not even whether there is such a repository
                return TypedResults.Problem(
                    statusCode: StatusCodes.Status401Unauthorized,
                    title: "The delivery is not signed with the secret of a repository here"
                );
        }
    }

    private static ProblemHttpResult Unread(HttpRequest request, int status)
    {
        // What was not read would otherwise be drained before the answer is sent.
        request.HttpContext.Response.Headers.Connection = "close";
        return TypedResults.Problem(
            statusCode: status,
            title: status switch
            {
                StatusCodes.Status413PayloadTooLarge => "The body is larger than 25 MB",
                StatusCodes.Status408RequestTimeout => "The body took longer than a minute",
                _ => "Too many deliveries at once: send it again",
            }
        );
    }
}
