using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Access;

/// <summary>What a page must know before it offers anything.</summary>
/// <param name="SignedIn">May this browser write?</param>
/// <param name="ReadsAreOpen">Is reading open to whoever reaches the server?</param>
public sealed record Session(bool SignedIn, bool ReadsAreOpen, string Version, string PublicUrl);

/// <param name="Url">Signs one browser in, once.</param>
public sealed record SignInLink(string Url, DateTimeOffset ExpiresAt);

/// <param name="Name">What it is for, for people.</param>
/// <param name="Scope">What it may do: <c>full</c> when nothing is said. A runner's token has none.</param>
public sealed record TokenRequest(string Name, TokenScope Scope = TokenScope.Full)
{
    internal bool IsNamed => !string.IsNullOrWhiteSpace(Name) && Name.Length <= 100;

    internal static ProblemHttpResult NeedsName() =>
        TypedResults.Problem(
            "Give it a name of 1 to 100 characters, such as 'ci'.",
            statusCode: StatusCodes.Status422UnprocessableEntity,
            title: "A token needs a name"
        );
}

/// <param name="Token">Shown this once.</param>
public sealed record TokenAdded(TokenRecord Record, string Token);

/// <summary>Signing in by a one-time link, and tokens for programs.</summary>
public static class SignInEndpoints
{
    public static string Version { get; } =
        typeof(SignInEndpoints)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            ?.InformationalVersion.Split('+')[0]
        ?? "0";

    public static void MapSignIn(this IEndpointRouteBuilder app)
    {
        app.MapGet("/signin/{code}", SignInAsync).ExcludeFromDescription();

        var api = app.MapGroup("/api/v1").WithTags("Access");
        api.MapGet(
                "/session",
                (HttpContext context, AccessOptions options, PublicAddress address) =>
                    TypedResults.Ok(
                        new Session(
                            Caller.Of(context) is { OnlyReads: false },
                            options.ReadsAreOpen,
                            Version,
                            address.Url
                        )
                    )
            )
            .WithName("GetSession");
        api.MapDelete("/session", SignOutAsync).WithName("EndSession");
        api.MapPost("/sign-in-links", AddLinkAsync).WithName("AddSignInLink").Audited("sign-in-link.create");
        api.MapGet("/tokens", (AccessStore store) => TypedResults.Ok(store.Tokens())).WithName("ListTokens");
        api.MapPost("/tokens", AddTokenAsync).WithName("AddToken").Audited("token.create");
        api.MapDelete("/tokens/{id:long}", RevokeAsync).WithName("RevokeToken").Audited("token.revoke");
    }

    private static async Task<IResult> SignInAsync(
        string code,
        HttpContext context,
        AccessStore store,
        AccessOptions options,
        CancellationToken stop
    )
    {
        context.Response.Headers.CacheControl = "no-store";
        if (await store.SignInAsync(code, options.SessionTime, stop) is not { } key)
        {
            return TypedResults.Problem(
                "Ask for another: 'testgrid up' prints one when it starts.",
                statusCode: StatusCodes.Status410Gone,
                title: "This sign-in link was used before, or is too old"
            );
        }
        var https =
            context.Request.IsHttps || options.PublicUrl?.StartsWith("https:", StringComparison.Ordinal) == true;
        context.Response.Cookies.Append(
            Caller.Cookie,
            key,
            new CookieOptions
            {
                HttpOnly = true,
                SameSite = SameSiteMode.Strict,
                Secure = https,
                IsEssential = true,
                MaxAge = options.SessionTime,
                Path = "/",
            }
        );
        return TypedResults.Redirect("/");
    }

    private static async Task<NoContent> SignOutAsync(HttpContext context, AccessStore store, CancellationToken stop)
    {
        if (context.Request.Cookies[Caller.Cookie] is { } key)
            await store.SignOutAsync(key, stop);
        context.Response.Cookies.Delete(Caller.Cookie);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<SignInLink>> AddLinkAsync(SignInLinks links, CancellationToken stop) =>
        TypedResults.Ok(await links.AddAsync(stop));

    private static async Task<Results<Ok<TokenAdded>, ProblemHttpResult>> AddTokenAsync(
        TokenRequest request,
        AccessStore store,
        CancellationToken stop
    )
    {
        if (!request.IsNamed)
            return TokenRequest.NeedsName();
        var (record, token) = await store.AddTokenAsync(request.Name.Trim(), request.Scope, stop);
        return TypedResults.Ok(new TokenAdded(record, token));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> RevokeAsync(
        long id,
        AccessStore store,
        CancellationToken stop
    ) =>
        await store.RevokeTokenAsync(id, stop)
            ? TypedResults.NoContent()
            : TypedResults.Problem(
                "'testgrid token list' shows those that are good.",
                statusCode: StatusCodes.Status404NotFound,
                title: $"There is no token {id}"
            );
}

/// <summary>Makes sign-in links, for <c>testgrid up</c> and for those who are in already.</summary>
public sealed class SignInLinks(AccessStore store, AccessOptions options, PublicAddress address, TimeProvider time)
{
    public async Task<SignInLink> AddAsync(CancellationToken stop)
    {
        var until = time.GetUtcNow() + options.LinkTime;
        return new SignInLink(address.OfSignIn(await store.AddLinkAsync(options.LinkTime, stop)), until);
    }
}
