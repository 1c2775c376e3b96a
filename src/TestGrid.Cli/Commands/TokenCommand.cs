using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Server.Access;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid token …</c>: who may write over HTTP.</summary>
internal static class TokenCommand
{
    public static Command Create() => new("token", "API tokens: create, list, revoke") { New(), List(), Revoke() };

    private static Command New()
    {
        var name = new Argument<string>("NAME") { Description = "what it is for: laptop, deploy" };
        var command = new Command("create", "make a token; it is shown once") { name };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var made = await api.PostAsync<TokenAdded>(
                    "/api/v1/tokens",
                    new { name = parsed.GetValue(name) },
                    stop
                );
                Console.WriteLine(made.Token);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command List()
    {
        var json = Printed.JsonOption();
        var command = new Command("list", "the tokens, without their secrets") { json };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var all = await api.GetAsync<TokenRecord[]>("/api/v1/tokens", stop);
                if (parsed.GetValue(json))
                    return Printed.Lines(all);
                Printed.Table(
                    ["id", "name", "created", "last used"],
                    all.Select(one => (string[])[$"{one.Id}", one.Name, $"{one.CreatedAt:u}", $"{one.LastUsedAt:u}"])
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Revoke()
    {
        var id = new Argument<long>("ID") { Description = "the token's id, from `token list`" };
        var command = new Command("revoke", "a token stops working at once") { id };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                await api.SendAsync(HttpMethod.Delete, $"/api/v1/tokens/{parsed.GetValue(id)}", stop);
                Console.WriteLine($"token {parsed.GetValue(id)} is revoked");
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
