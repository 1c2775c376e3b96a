using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Access;

/// <summary>Writes down who did what to whom, from where, and whether it worked.</summary>
public sealed class Audit(AuditStore store)
{
    /// <summary>One row, also for a caller who has gone by now.</summary>
    /// <param name="context">Whose request it was.</param>
    /// <param name="action">See <see cref="AuditEntry"/>.</param>
    /// <param name="target">See <see cref="AuditEntry"/>.</param>
    /// <param name="outcome">See <see cref="AuditEntry"/>.</param>
    public Task WriteAsync(HttpContext context, string action, string target, string outcome) =>
        store.AddAsync(
            new AuditEntry(
                Caller.Of(context)?.Name ?? "a stranger",
                context.Connection.RemoteIpAddress?.ToString() ?? "nowhere",
                action,
                target,
                outcome
            ),
            CancellationToken.None
        );
}

/// <summary>The rows for those who may see them, and the filter that writes them for an operation.</summary>
public static class AuditEndpoints
{
    private const int PageMax = 1000;

    public static void MapAudit(this IEndpointRouteBuilder app) =>
        app.MapGet("/api/v1/audit", List).WithTags("Access").WithName("ListAudit");

    /// <summary>Each call of this operation that passed the doorkeeper leaves a row, after it was answered.</summary>
    /// <param name="operation">Whose path holds what it is done to.</param>
    /// <param name="action">See <see cref="AuditEntry"/>.</param>
    public static RouteHandlerBuilder Audited(this RouteHandlerBuilder operation, string action) =>
        operation.AddEndpointFilter(
            async (call, next) =>
            {
                var context = call.HttpContext;
                var audit = (Audit)context.RequestServices.GetService(typeof(Audit))!;
                object? result;
                try
                {
                    result = await next(call);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    await audit.WriteAsync(context, action, Target(context, null), $"failed: {e.GetType().Name}");
                    throw;
                }
                var answer = result is INestedHttpResult nested ? nested.Result : result;
                var outcome = answer is ProblemHttpResult no ? $"refused: {no.ProblemDetails.Title}" : "done";
                await audit.WriteAsync(context, action, Target(context, answer), outcome);
                return result;
            }
        );

    private static Ok<ImmutableArray<AuditRecord>> List(AuditStore store, long? before, int? limit) =>
        TypedResults.Ok(store.List(before, Math.Clamp(limit ?? 100, 1, PageMax)));

    // The path says it, after the API's own: /api/v1/repositories/3/secrets/NAME; a new token has its id in the answer.
    private static string Target(HttpContext context, object? answer)
    {
        var path = context.Request.Path.Value!["/api/v1/".Length..];
        return answer is Ok<TokenAdded> { Value: { } made }
            ? $"{path.TrimEnd('/')}/{made.Record.Id} {made.Record.Name}"
            : path;
    }
}
