using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using TestGrid.Core.Jobs;
using TestGrid.Server.Scheduling;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Dashboard;

/// <summary>A runner: what it offers, what it runs, when it was last heard.</summary>
/// <param name="Embedded">It lives in the server's own process.</param>
/// <param name="Slots">How many jobs it runs at a time.</param>
/// <param name="Version">Of TestGrid.</param>
/// <param name="Engines">Its sandbox engines.</param>
/// <param name="Bundles">The recipes whose bundle is there already.</param>
/// <param name="Jobs">What it runs now, as far as the server knows.</param>
public sealed record RunnerRecord(
    string Name,
    bool Embedded,
    RunnerState State,
    int Slots,
    string Version,
    string Os,
    string Arch,
    ImmutableArray<string> Engines,
    ImmutableArray<string> Bundles,
    ImmutableArray<JobId> Jobs,
    DateTimeOffset HeardAt
);

/// <summary>Every runner of a moment.</summary>
public sealed record RunnerList(ImmutableArray<RunnerRecord> Runners);

/// <summary>The runners as pages and programs see them.</summary>
public sealed class RunnerViews(RunnerRoom room, RunnerStore store)
{
    public RunnerList List()
    {
        var running = store.Running();
        return new RunnerList([
            .. room.Runners.Select(runner => new RunnerRecord(
                runner.Name,
                runner.IsEmbedded,
                runner.State,
                runner.Slots,
                runner.Offer.Version,
                runner.Offer.Os,
                runner.Offer.Arch,
                runner.Offer.Engines,
                runner.Offer.Bundles,
                [.. running[runner.Name]],
                runner.HeardAt
            )),
        ]);
    }
}

/// <summary><c>GET /api/v1/runners</c></summary>
public static class RunnerListEndpoint
{
    public static void MapRunners(this IEndpointRouteBuilder app) =>
        app.MapGet("/api/v1/runners", (RunnerViews views) => TypedResults.Ok(views.List().Runners))
            .WithTags("Runners")
            .WithName("ListRunners");
}
