using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Link;
using TestGrid.Runner.Reporting.Http;

namespace TestGrid.Server.Recording;

/// <summary>Who asks at the runners' door: the token's id, and the place it is used at.</summary>
public readonly record struct RunnerCaller(long Token, string Place);

/// <summary>What the runners' door reads and answers.</summary>
internal static class DoorWords
{
    public static RunnerCaller Caller(HttpContext context) =>
        new(
            Access.Caller.Of(context)?.RunnerToken
                ?? throw new InvalidOperationException("the doorkeeper let a stranger in"),
            context.Request.Headers[ServerLink.PlaceHeader].ToString()
        );

    public static async ValueTask<T?> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> json, CancellationToken stop)
        where T : class
    {
        try
        {
            return await context.Request.ReadFromJsonAsync(json, stop);
        }
        catch (Exception e) when (e is System.Text.Json.JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    // A runner is trusted with its jobs, not with our memory or a page's layout.
    public static JobEvent? Bounded(JobEvent happened) =>
        happened switch
        {
            JobWaits(var what) => new JobWaits(Short(what)),
            JobStarted { Bundle.Length: <= 100, Digest: not null } => happened,
            PhaseFinished { Phase.Length: <= 100 } => happened,
            CommandFinished
            {
                Place: > 0 and <= PhaseMarks.CommandsMost,
                Phase.Length: <= 100,
                Command.Length: <= 200,
                Timer.Length: <= 40,
                Use: not null,
            } => happened,
            JobFinished(var verdict) when verdict.State.IsFinal && verdict is { Reason.Length: <= 50 } =>
                new JobFinished(verdict with { Sentence = Short(verdict.Sentence) }),
            _ => null,
        };

    public static string Short(string? text) =>
        text is null ? ""
        : text.Length <= 2000 ? text
        : text[..2000];

    public static JsonHttpResult<WishReply> Wish(JobWish wish) =>
        Json(new WishReply(wish), ReportJson.Default.WishReply);

    public static JsonHttpResult<T> Json<T>(T value, JsonTypeInfo<T> json) => TypedResults.Json(value, json);

    public static ProblemHttpResult NotYours() =>
        Problem(
            StatusCodes.Status403Forbidden,
            "That is another runner's",
            "A token speaks for its own runners only, and a name for one machine at a time."
        );

    public static ProblemHttpResult Unreadable() =>
        Problem(StatusCodes.Status400BadRequest, "This server does not understand that", "Is it of another version?");

    public static ProblemHttpResult Problem(int status, string title, string detail) =>
        TypedResults.Problem(detail, statusCode: status, title: title);
}
