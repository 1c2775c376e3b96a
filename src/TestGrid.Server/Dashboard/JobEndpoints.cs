using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using TestGrid.Core.Jobs;
using TestGrid.Server.Access;
using TestGrid.Server.Recording;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Dashboard;

/// <summary>Jobs: look, read the log, run again, cancel.</summary>
public static class JobEndpoints
{
    public static void MapJobs(this IEndpointRouteBuilder app)
    {
        var jobs = app.MapGroup("/api/v1/jobs").WithTags("Jobs");
        jobs.MapGet("/{id}", Get).WithName("GetJob");
        jobs.MapGet("/{id}/attempts", Attempts).WithName("ListAttempts");
        jobs.MapGet("/{id}/log", ReadLogAsync)
            .WithName("GetLog")
            .Produces<string>(StatusCodes.Status200OK, "text/plain")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status410Gone);
        jobs.MapPost("/{id}/rerun", RerunAsync).WithName("RerunJob").Audited("job.rerun");
        jobs.MapPost("/{id}/cancel", CancelAsync).WithName("CancelJob").Audited("job.cancel");
    }

    private static Results<Ok<JobDetail>, ProblemHttpResult> Get(JobId id, BuildViews views) =>
        views.Job(id) is { } job ? TypedResults.Ok(job) : Answers.NoJob(id);

    private static Results<Ok<ImmutableArray<AttemptRecord>>, ProblemHttpResult> Attempts(JobId id, BuildViews views) =>
        views.Job(id) is { } job ? TypedResults.Ok(job.Attempts) : Answers.NoJob(id);

    /// <summary>The log's bytes as they are, from an offset: what is there now, or with follow all that comes too.</summary>
    private static async Task ReadLogAsync(
        JobId id,
        HttpContext context,
        BuildViews views,
        LogFollower follower,
        IHostApplicationLifetime server,
        int attempt = 0,
        long from = 0,
        bool follow = false
    )
    {
        if (attempt < 0 || from < 0 || views.Log(id, attempt) is not { } place)
        {
            await Answers.NoJob(id).ExecuteAsync(context);
            return;
        }
        if (place.Gone)
        {
            await Answers.Gone($"The log of job {id} was removed to make room", null).ExecuteAsync(context);
            return;
        }
        var response = context.Response;
        // Never anything that a browser would run: a log is a stranger's text.
        response.ContentType = "text/plain; charset=utf-8";
        response.Headers.CacheControl = place.Over && !follow ? "private, max-age=60" : "no-store";
        response.Headers["X-TestGrid-Attempt"] = place.Attempt.ToString(
            System.Globalization.CultureInfo.InvariantCulture
        );
        // A follower must not hold up the server's end: it comes back with its offset.
        using var either = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted,
            server.ApplicationStopping
        );
        var stop = either.Token;
        var chunks = follow ? follower.FollowAsync(id, attempt, from, stop) : follower.ReadAsync(id, place, from, stop);
        await foreach (var chunk in chunks)
        {
            await response.Body.WriteAsync(chunk.Bytes, stop);
            if (follow)
                await response.Body.FlushAsync(stop);
        }
    }

    private static async Task<Results<Accepted<BuildStarted>, ProblemHttpResult>> RerunAsync(
        JobId id,
        BuildStore builds,
        Bells bells,
        PublicAddress address,
        CancellationToken stop
    ) =>
        await builds.RerunAsync(id.Build, id.Cell, stop) is { } build
            ? BuildEndpoints.Started(build, bells, address)
            : Answers.Missing($"There is no job {id} to run again", "Or its repository was removed.");

    private static async Task<Results<Accepted<CancelReceipt>, ProblemHttpResult>> CancelAsync(
        JobId id,
        HttpContext context,
        Recorder recorder,
        CancellationToken stop
    )
    {
        var answer = await recorder.CancelAsync(id, Answers.Who(context), stop);
        return Answers.Cancelled(answer, $"job {id}");
    }
}
