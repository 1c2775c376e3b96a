using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using TestGrid.Core.Jobs;
using TestGrid.Server.Access;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Dashboard;

/// <summary>What the API says when it says no: RFC 9457, in words for a person.</summary>
internal static class Answers
{
    public static ProblemHttpResult NoBuild(long id) => Missing($"There is no build {id}", null);

    public static ProblemHttpResult NoJob(JobId id) => Missing($"There is no job {id}", null);

    public static ProblemHttpResult NoRepository(long id) => Missing($"There is no repository {id}", null);

    public static ProblemHttpResult Missing(string title, string? detail) =>
        TypedResults.Problem(detail, statusCode: StatusCodes.Status404NotFound, title: title);

    public static ProblemHttpResult Gone(string title, string? detail) =>
        TypedResults.Problem(detail, statusCode: StatusCodes.Status410Gone, title: title);

    public static ProblemHttpResult Unusable(string title, string? detail) =>
        TypedResults.Problem(detail, statusCode: StatusCodes.Status422UnprocessableEntity, title: title);

    public static ProblemHttpResult Conflict(string title, string? detail) =>
        TypedResults.Problem(detail, statusCode: StatusCodes.Status409Conflict, title: title);

    public static Results<Accepted<CancelReceipt>, ProblemHttpResult> Cancelled(CancelAnswer answer, string what) =>
        answer switch
        {
            CancelAnswer.Asked => TypedResults.Accepted((string?)null, new CancelReceipt("asked")),
            CancelAnswer.Cancelled => TypedResults.Accepted((string?)null, new CancelReceipt("cancelled")),
            CancelAnswer.Over => Conflict($"{Capital(what)} is over", "Nothing leaves a final state: run it again."),
            _ => Missing($"There is no {what}", null),
        };

    /// <summary>Who asked, for the sentence beside a state.</summary>
    public static string Who(HttpContext context) => Caller.Of(context)?.Name ?? "somebody";

    private static string Capital(string what) => char.ToUpperInvariant(what[0]) + what[1..];
}
