using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using TestGrid.Server.Access;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Dashboard;

/// <param name="WebhookUrl">Where the git host shall post.</param>
/// <param name="LastDelivery">The newest delivery, or null.</param>
/// <param name="SharesConfig">Configurations of other repositories may import its files.</param>
public sealed record RepositoryRecord(
    long Id,
    string Host,
    string Slug,
    string Url,
    DateTimeOffset CreatedAt,
    string WebhookUrl,
    ImmutableArray<string> SecretNames,
    DeliveryRecord? LastDelivery,
    bool SharesConfig,
    PullRequestRule PullRequests
);

/// <param name="Url">https, ssh, or an absolute path of the server's machine.</param>
/// <param name="Slug"><c>owner/name</c>; made of the address where it is left out.</param>
public sealed record RepositoryRequest(string Url, string? Slug);

/// <summary>What is null stays as it is.</summary>
/// <param name="SharesConfig">Configurations of other repositories may import its files.</param>
/// <param name="PullRequests">Which pull requests are built.</param>
public sealed record RepositoryChange(bool? SharesConfig, PullRequestRule? PullRequests);

/// <param name="Secret">What its deliveries are to be signed with. Shown this once.</param>
public sealed record RepositoryAdded(RepositoryRecord Repository, string Secret);

/// <param name="Secret">Shown this once.</param>
public sealed record HookSecretShown(string Secret, string WebhookUrl);

/// <summary>Repositories: register, look, remove, and a new webhook secret.</summary>
public static class RepositoryEndpoints
{
    public static void MapRepositories(this IEndpointRouteBuilder app)
    {
        var repositories = app.MapGroup("/api/v1/repositories").WithTags("Repositories");
        repositories.MapGet("/", List).WithName("ListRepositories");
        repositories.MapPost("/", AddAsync).WithName("AddRepository").Audited("repository.add");
        repositories.MapGet("/{id:long}", Get).WithName("GetRepository");
        repositories.MapPatch("/{id:long}", ChangeAsync).WithName("ChangeRepository").Audited("repository.change");
        repositories.MapDelete("/{id:long}", RemoveAsync).WithName("RemoveRepository").Audited("repository.remove");
        repositories
            .MapPost("/{id:long}/secret", RotateAsync)
            .WithName("RotateHookSecret")
            .Audited("hook-secret.rotate");
    }

    private static Ok<ImmutableArray<RepositoryRecord>> List(RepositoryViews views) => TypedResults.Ok(views.List());

    private static Results<Ok<RepositoryRecord>, ProblemHttpResult> Get(long id, RepositoryViews views) =>
        views.Find(id) is { } repository ? TypedResults.Ok(repository) : Answers.NoRepository(id);

    private static async Task<Results<Created<RepositoryAdded>, ProblemHttpResult>> AddAsync(
        RepositoryRequest request,
        RepositoryStore repositories,
        RepositoryViews views,
        Bells bells,
        CancellationToken stop
    )
    {
        if (RepositoryAddress.Read(request.Url) is not { } address)
        {
            return Answers.Unusable(
                "That is not a repository's address",
                "Give https://host/owner/name.git, ssh://git@host/owner/name.git, git@host:owner/name.git, "
                    + "or the absolute path of a repository on the server's machine. A password does not belong in it."
            );
        }
        var slug = string.IsNullOrWhiteSpace(request.Slug) ? address.Slug : request.Slug.Trim();
        if (!RepositoryAddress.IsSlug(slug))
            return Answers.Unusable($"'{Short(slug)}' is not a name such as owner/name", "Say which with 'slug'.");
        if (await repositories.AddAsync(address.Host, slug, address.Url, stop) is not var (added, secret))
        {
            return Answers.Conflict(
                $"{slug} of {address.Host} is registered already",
                "Use it, remove it first, or give this one another 'slug'."
            );
        }
        bells.Repositories.Ring();
        var record = views.Find(added.Id)!;
        return TypedResults.Created($"/api/v1/repositories/{added.Id}", new RepositoryAdded(record, secret));
    }

    private static async Task<Results<Ok<RepositoryRecord>, ProblemHttpResult>> ChangeAsync(
        long id,
        RepositoryChange change,
        RepositoryStore repositories,
        RepositoryViews views,
        Bells bells,
        CancellationToken stop
    )
    {
        if (!await repositories.ChangeAsync(id, change.SharesConfig, change.PullRequests, stop))
            return Answers.NoRepository(id);
        bells.Repositories.Ring();
        return TypedResults.Ok(views.Find(id)!);
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> RemoveAsync(
        long id,
        RepositoryRemoval removal,
        HttpContext context,
        CancellationToken stop
    ) =>
        await removal.RemoveAsync(id, Answers.Who(context), stop) ? TypedResults.NoContent() : Answers.NoRepository(id);

    private static async Task<Results<Ok<HookSecretShown>, ProblemHttpResult>> RotateAsync(
        long id,
        RepositoryStore repositories,
        PublicAddress address,
        CancellationToken stop
    ) =>
        await repositories.RotateHookSecretAsync(id, stop) is { } secret
            ? TypedResults.Ok(new HookSecretShown(secret, address.OfHook(id)))
            : Answers.NoRepository(id);

    private static string Short(string text) => text.Length <= 100 ? text : text[..100];
}
