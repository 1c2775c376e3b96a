using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Server.Access;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Cli.Commands;

/// <summary>
/// <c>testgrid token …</c>: who may write over HTTP; and <c>testgrid runner token …</c>: which runners get jobs.
/// </summary>
internal static class TokenCommand
{
    public static Command Create() =>
        Of(
            new("token", "/api/v1/tokens", "API tokens", "laptop, deploy", "a token stops working at once")
            {
                HasScope = true,
            }
        );

    public static Command OfRunners() =>
        Of(
            new(
                "runner token",
                "/api/v1/runner-tokens",
                "the tokens of runners",
                "build-farm, laptop",
                "its runners get no more jobs, and what they tell is not kept"
            )
        );

    private static Command Of(Kind kind) =>
        new("token", $"{kind.About}: create, list, revoke") { New(kind), List(kind), Revoke(kind) };

    private static Command New(Kind kind)
    {
        var name = new Argument<string>("NAME") { Description = $"what it is for: {kind.Examples}" };
        var scope = new Option<TokenScope>("--scope")
        {
            Description = "full: everything; read: look, change nothing, open no shell (default: full)",
        };
        var command = new Command("create", "make a token; it is shown once") { name };
        if (kind.HasScope)
            command.Add(scope);
        command.SetAction(
            async (parsed, stop) =>
            {
                object Body() =>
                    kind.HasScope
                        ? new { name = parsed.GetValue(name), scope = parsed.GetValue(scope) }
                        : new { name = parsed.GetValue(name) };
                using var api = ApiClient.For(parsed);
                var made = await api.PostAsync<TokenAdded>(kind.Path, Body(), stop);
                Console.WriteLine(made.Token);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command List(Kind kind)
    {
        var json = Printed.JsonOption();
        var command = new Command("list", $"{kind.About}, without their secrets") { json };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var all = await api.GetAsync<TokenRecord[]>(kind.Path, stop);
                if (parsed.GetValue(json))
                    return Printed.Lines(all);
                string[] scopes = kind.HasScope ? ["scope"] : [];
                Printed.Table(
                    ["id", "name", .. scopes, "created", "last used"],
                    all.Select(one =>
                        (string[])
                            [
                                $"{one.Id}",
                                one.Name,
                                .. scopes.Select(_ => one.Scope.ToString().ToLowerInvariant()),
                                $"{one.CreatedAt:u}",
                                $"{one.LastUsedAt:u}",
                            ]
                    )
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Revoke(Kind kind)
    {
        var id = new Argument<long>("ID") { Description = $"the token's id, from `{kind.Words} list`" };
        var command = new Command("revoke", kind.Revoked) { id };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                await api.SendAsync(HttpMethod.Delete, $"{kind.Path}/{parsed.GetValue(id)}", stop);
                Console.WriteLine($"{kind.Words} {parsed.GetValue(id)} is revoked");
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    /// <param name="Words">How the command line calls it.</param>
    /// <param name="Path">Where the API keeps them.</param>
    /// <param name="About">For the help.</param>
    /// <param name="Examples">Names that a person would give.</param>
    /// <param name="Revoked">What it means to revoke one.</param>
    private sealed record Kind(string Words, string Path, string About, string Examples, string Revoked)
    {
        /// <summary>It may be for reading only.</summary>
        public bool HasScope { get; init; }
    }
}
