using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using TestGrid.Server.Access;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Recording;

/// <summary>The tokens of remote runners: make, list, revoke.</summary>
public static class RunnerTokenEndpoints
{
    public static void MapRunnerTokens(this IEndpointRouteBuilder app)
    {
        var tokens = app.MapGroup("/api/v1/runner-tokens").WithTags("Runners");
        tokens.MapGet("/", (RunnerStore store) => TypedResults.Ok(store.Tokens())).WithName("ListRunnerTokens");
        tokens.MapPost("/", AddAsync).WithName("AddRunnerToken").Audited("runner-token.create");
        tokens.MapDelete("/{id:long}", RevokeAsync).WithName("RevokeRunnerToken").Audited("runner-token.revoke");
    }

    private static async Task<Results<Ok<TokenAdded>, ProblemHttpResult>> AddAsync(
        TokenRequest request,
        RunnerStore store,
        CancellationToken stop
    )
    {
        if (!request.IsNamed)
            return TokenRequest.NeedsName();
        var (record, token) = await store.AddTokenAsync(request.Name.Trim(), stop);
        return TypedResults.Ok(new TokenAdded(record, token));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> RevokeAsync(
        long id,
        RunnerRegister register,
        CancellationToken stop
    ) =>
        await register.RevokeAsync(id, stop)
            ? TypedResults.NoContent()
            : TypedResults.Problem(
                "'testgrid runner token list' shows those that are good.",
                statusCode: StatusCodes.Status404NotFound,
                title: $"There is no runner token {id}"
            );
}
