using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using TestGrid.Runner.Git;
using TestGrid.Runner.Output;
using TestGrid.Server.Access;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Dashboard;

/// <param name="Value">Reaches the repository's jobs as an environment variable, and no log.</param>
public sealed record SecretRequest(string Value);

/// <summary>How to fetch a repository: a user and a password or token over https, or a key over ssh.</summary>
/// <param name="KnownHosts">The host keys that ssh may talk to, as lines of <c>known_hosts</c>.</param>
public sealed record CredentialRequest(string? User, string? Password, string? PrivateKey, string? KnownHosts);

/// <summary>What is sealed for a repository. It goes in here and comes out nowhere: only names are told.</summary>
public static partial class SecretEndpoints
{
    private const int ValueMax = 64 << 10;

    public static void MapSecrets(this IEndpointRouteBuilder app)
    {
        var one = app.MapGroup("/api/v1/repositories/{id:long}").WithTags("Secrets");
        one.MapGet("/secrets", List).WithName("ListSecrets");
        one.MapPut("/secrets/{name}", SetAsync).WithName("SetSecret").Audited("secret.set");
        one.MapDelete("/secrets/{name}", RemoveAsync).WithName("RemoveSecret").Audited("secret.remove");
        one.MapPut("/credential", SetCredentialAsync).WithName("SetCredential").Audited("credential.set");
        one.MapDelete("/credential", RemoveCredentialAsync).WithName("RemoveCredential").Audited("credential.remove");
    }

    private static Results<Ok<ImmutableArray<string>>, ProblemHttpResult> List(long id, RepositoryStore repositories) =>
        repositories.Find(id) is null ? Answers.NoRepository(id) : TypedResults.Ok(repositories.SecretNames(id));

    private static async Task<Results<NoContent, ProblemHttpResult>> SetAsync(
        long id,
        string name,
        SecretRequest request,
        RepositoryStore repositories,
        CancellationToken stop
    )
    {
        if (repositories.Find(id) is null)
            return Answers.NoRepository(id);
        if (!Name.IsMatch(name))
            return Answers.Unusable(
                "That is not an environment variable's name",
                "Letters, digits and _, not a digit first."
            );
        if (
            request.Value is not { Length: > 0 and <= ValueMax } value
            || value.Contains('\0', StringComparison.Ordinal)
        )
            return Answers.Unusable("A secret is 1 to 65536 characters, none of them NUL", null);
        if (!Redactor.CanMask(value))
            return Answers.Unusable(
                $"A secret shorter than {Redactor.ShortestValue} bytes cannot be masked: it would take half the log with it",
                "Take a longer value; one that may be seen goes under env in the configuration."
            );
        await repositories.SetSecretAsync(id, name, value, stop);
        return TypedResults.NoContent();
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> RemoveAsync(
        long id,
        string name,
        RepositoryStore repositories,
        CancellationToken stop
    ) =>
        await repositories.RemoveSecretAsync(id, name, stop)
            ? TypedResults.NoContent()
            : Answers.Missing("There is no such secret", null);

    private static async Task<Results<NoContent, ProblemHttpResult>> SetCredentialAsync(
        long id,
        CredentialRequest request,
        RepositoryStore repositories,
        CancellationToken stop
    )
    {
        GitCredential? credential = request switch
        {
            { PrivateKey.Length: > 0, KnownHosts.Length: > 0 } => new GitCredential.SshKey(
                request.PrivateKey,
                request.KnownHosts
            ),
            { PrivateKey: null, Password.Length: > 0 } => new GitCredential.Password(
                request.User ?? "git",
                request.Password
            ),
            _ => null,
        };
        if (credential is null)
        {
            return Answers.Unusable(
                "A credential is a user and a password, or a private key and known hosts",
                "ssh talks only to hosts whose keys are known: 'ssh-keyscan HOST' prints them; compare them first."
            );
        }
        return await repositories.SetCredentialAsync(id, credential, stop)
            ? TypedResults.NoContent()
            : Answers.NoRepository(id);
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> RemoveCredentialAsync(
        long id,
        RepositoryStore repositories,
        CancellationToken stop
    ) => await repositories.SetCredentialAsync(id, null, stop) ? TypedResults.NoContent() : Answers.NoRepository(id);

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_]{0,127}\z")]
    private static partial Regex Name { get; }
}
