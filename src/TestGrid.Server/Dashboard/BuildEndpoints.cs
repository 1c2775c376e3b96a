using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using TestGrid.Core.Builds;
using TestGrid.Server.Access;
using TestGrid.Server.GitHosts;
using TestGrid.Server.Recording;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Dashboard;

/// <param name="Repository"><c>owner/name</c></param>
/// <param name="Branch">Null for the repository's default branch.</param>
/// <param name="Event"><c>cron</c> for a timetable's build; null or <c>api</c> for all else.</param>
public sealed record BuildRequested(string Repository, string? Branch, string? Event = null);

/// <summary>A build was stored.</summary>
/// <param name="Url">Where to watch it.</param>
public sealed record BuildStarted(long Id, string Url);

/// <param name="Outcome"><c>cancelled</c>, or <c>asked</c> when its runner will be told.</param>
public sealed record CancelReceipt(string Outcome);

/// <summary>Builds: list, look, start, run again, cancel.</summary>
public static class BuildEndpoints
{
    public const int PageMax = 200;

    public static void MapBuilds(this IEndpointRouteBuilder app)
    {
        var builds = app.MapGroup("/api/v1/builds").WithTags("Builds");
        builds.MapGet("/", List).WithName("ListBuilds");
        builds.MapPost("/", StartAsync).WithName("StartBuild");
        builds.MapGet("/{id:long}", Get).WithName("GetBuild");
        builds.MapPost("/{id:long}/rerun", RerunAsync).WithName("RerunBuild").Audited("build.rerun");
        builds.MapPost("/{id:long}/cancel", CancelAsync).WithName("CancelBuild").Audited("build.cancel");
    }

    private static Ok<BuildList> List(BuildViews views, string? repository, long? before, int? limit) =>
        TypedResults.Ok(views.List(repository, before, Math.Clamp(limit ?? 50, 1, PageMax)));

    private static Results<Ok<BuildDetail>, ProblemHttpResult> Get(long id, BuildViews views) =>
        views.Build(id) is { } build ? TypedResults.Ok(build) : Answers.NoBuild(id);

    private static async Task<Results<Accepted<BuildStarted>, ProblemHttpResult>> StartAsync(
        BuildRequested request,
        RepositoryStore repositories,
        BuildStore builds,
        Bells bells,
        PublicAddress address,
        CancellationToken stop
    )
    {
        if (repositories.FindAll(request.Repository ?? "") is not [var repository, ..])
            return Answers.Missing(
                $"There is no repository '{request.Repository}'",
                "'testgrid repo list' shows them."
            );
        var reference =
            string.IsNullOrEmpty(request.Branch) ? "HEAD"
            : request.Branch.StartsWith("refs/heads/", StringComparison.Ordinal) ? request.Branch
            : "refs/heads/" + request.Branch;
        if (reference is not "HEAD" && !HookText.IsRef(reference))
            return Answers.Unusable($"'{HookText.Short(request.Branch, 100)}' is not a branch's name", null);
        if (request.Event is not (null or "api" or "cron"))
            return Answers.Unusable($"'{HookText.Short(request.Event, 50)}' is not an event", "Say api, or cron.");
        var kind = request.Event is "cron" ? TriggerKind.Cron : TriggerKind.Manual;
        // The planner learns the commit: asking the repository may take minutes.
        var trigger = new Trigger(kind, new CommitRef("", reference));
        return Started(await builds.AddAsync(new BuildRequest(repository.Id, trigger), stop), bells, address);
    }

    private static async Task<Results<Accepted<BuildStarted>, ProblemHttpResult>> RerunAsync(
        long id,
        BuildStore builds,
        Bells bells,
        PublicAddress address,
        CancellationToken stop
    ) =>
        await builds.RerunAsync(id, null, stop) is { } build
            ? Started(build, bells, address)
            : Answers.Missing($"There is no build {id} to run again", "Or its repository was removed.");

    private static async Task<Results<Accepted<CancelReceipt>, ProblemHttpResult>> CancelAsync(
        long id,
        HttpContext context,
        Recorder recorder,
        CancellationToken stop
    )
    {
        var answer = await recorder.CancelBuildAsync(id, Answers.Who(context), stop);
        return Answers.Cancelled(answer, $"build {id}");
    }

    internal static Accepted<BuildStarted> Started(long build, Bells bells, PublicAddress address)
    {
        bells.BuildChanged(build);
        bells.Unplanned.Ring();
        var url = address.OfBuild(build);
        return TypedResults.Accepted(url, new BuildStarted(build, url));
    }
}
