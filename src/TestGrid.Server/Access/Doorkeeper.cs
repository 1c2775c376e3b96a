using System.Net;
using Microsoft.AspNetCore.Http;

namespace TestGrid.Server.Access;

/// <summary>
/// Stands before everything else. It answers only to the server's own names (a page elsewhere could make its own name
/// point here), lets nobody write without a token or a session, and lets no other site's page use a browser's session.
/// </summary>
public sealed class Doorkeeper(RequestDelegate next, AccessOptions options, Callers callers, PublicAddress address)
{
    private static readonly string[] Administration = ["/api/v1/tokens", "/api/v1/runner-tokens", "/api/v1/audit"];
    private static readonly string[] OpenPaths = ["/hooks", "/signin", "/livez", "/readyz", "/version"];

    public Task InvokeAsync(HttpContext context)
    {
        SetHeaders(context.Response);
        if (!IsOurs(context.Request.Host))
        {
            return Refuse(
                context,
                StatusCodes.Status400BadRequest,
                "This server does not go by that name",
                "Ask for it by its address, or start it with --public-url, or with one more --host."
            );
        }
        var path = context.Request.Path;
        if (OpenPaths.Any(open => path.StartsWithSegments(open, StringComparison.OrdinalIgnoreCase)))
            return next(context);

        var caller = callers.Find(context.Request);
        if (caller is not null)
            context.Features.Set(caller);
        if (!IsGuarded(path))
            return next(context);
        var runners = path.StartsWithSegments(Caller.RunnerPath, StringComparison.OrdinalIgnoreCase);
        if (runners || caller?.RunnerToken is not null)
            return AtRunnersDoorAsync(context, caller, runners);

        var foreign = context.Request.Headers.Origin is { Count: > 0 } origin && !IsOurs(origin.ToString(), context);
        var live = path.StartsWithSegments("/live", StringComparison.OrdinalIgnoreCase);
        var reads = live || HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method);
        if (foreign && (live || !reads))
            return Refuse(context, StatusCodes.Status403Forbidden, "Another site's page asked for this", null);
        if (!reads && caller is { ByCookie: true } && context.Request.Headers.Origin.Count == 0)
            return Refuse(
                context,
                StatusCodes.Status403Forbidden,
                "A session may write only from this server's pages",
                null
            );
        if (caller is { OnlyReads: true } && (!reads || IsAdministration(path)))
            return Refuse(
                context,
                StatusCodes.Status403Forbidden,
                "This token may only read",
                "Make one that may do more with: testgrid token create NAME"
            );
        if (caller is not null || (reads && ReadsFreely(path)))
            return next(context);

        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Refuse(
            context,
            StatusCodes.Status401Unauthorized,
            reads ? "Reading needs a token or a sign-in link" : "Writing needs a token or a sign-in link",
            "Send 'Authorization: Bearer tg_…', or open the link that 'testgrid up' prints."
        );
    }

    // A runner's token may be on many machines, so it opens this door alone; and no other token opens it, so that a
    // browser's session can never claim a job and read its secrets.
    private Task AtRunnersDoorAsync(HttpContext context, Caller? caller, bool isDoor)
    {
        if (isDoor && caller?.RunnerToken is not null)
            return next(context);
        if (isDoor && caller is null)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            return Refuse(
                context,
                StatusCodes.Status401Unauthorized,
                "This is the runners' door, and their token is not known here",
                "It may have been revoked. Make one with: testgrid runner token create NAME"
            );
        }
        return Refuse(
            context,
            StatusCodes.Status403Forbidden,
            isDoor ? "This is the runners' door" : "A runner's token opens the runners' door and nothing else",
            isDoor ? "Make a token for it with: testgrid runner token create NAME" : "Use a token of 'testgrid token'."
        );
    }

    // Compared as routes are, without regard to case: /API/v1/tokens is the same door.
    private bool ReadsFreely(PathString path) =>
        path.StartsWithSegments("/api/v1/session", StringComparison.OrdinalIgnoreCase)
        || (options.ReadsAreOpen && !IsAdministration(path));

    private static bool IsAdministration(PathString path) =>
        Administration.Any(part => path.StartsWithSegments(part, StringComparison.OrdinalIgnoreCase));

    // The pages themselves are no secret; what they show comes from the guarded paths.
    private static bool IsGuarded(PathString path) =>
        path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
        || path.StartsWithSegments("/live", StringComparison.OrdinalIgnoreCase)
        || path.StartsWithSegments("/openapi", StringComparison.OrdinalIgnoreCase);

    private bool IsOurs(HostString host)
    {
        var name = host.Host;
        // An address is no name: no stranger can make it point elsewhere.
        return IPAddress.TryParse(name.Trim('[', ']'), out _)
            || name.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || name.Equals(HostOf(address.Url), StringComparison.OrdinalIgnoreCase)
            || name.Equals(HostOf(options.Listen), StringComparison.OrdinalIgnoreCase)
            || options.Hosts.Contains(name, StringComparer.OrdinalIgnoreCase);
    }

    private bool IsOurs(string origin, HttpContext context) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri)
        && (
            uri.Authority.Equals(context.Request.Host.Value, StringComparison.OrdinalIgnoreCase)
            || (
                Uri.TryCreate(address.Url, UriKind.Absolute, out var ours)
                && uri.Authority.Equals(ours.Authority, StringComparison.OrdinalIgnoreCase)
            )
        );

    private static string? HostOf(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri) ? uri.Host : null;

    private static void SetHeaders(HttpResponse response)
    {
        var headers = response.Headers;
        headers.ContentSecurityPolicy =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            + "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer"; // an address may name a branch nobody else should know of
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }

    private static Task Refuse(HttpContext context, int status, string title, string? detail) =>
        TypedResults.Problem(detail, statusCode: status, title: title).ExecuteAsync(context);
}
