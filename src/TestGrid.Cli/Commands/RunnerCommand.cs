using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Cli.Serving;
using TestGrid.Server.Access;
using TestGrid.Server.Dashboard;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid runner …</c>: a runner on this machine for a server on another, and who the runners are.</summary>
internal static class RunnerCommand
{
    public static Command Create()
    {
        var options = new RemoteOptions();
        var command = new Command(
            "runner",
            """
            run jobs on this machine for a server on another (--server, --token-file); list runners, make their tokens

            It opens connections to its server and to the repositories' hosts, and none is opened to it. Make its token
            where the server is: testgrid runner token create NAME
            """
        )
        {
            List(),
            Token(),
        };
        options.AddTo(command);
        command.SetAction(
            async (parsed, stop) =>
            {
                await RunningRunner.RunAsync(options.Read(parsed), stop);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command List()
    {
        var json = Printed.JsonOption();
        var command = new Command("list", "every runner: what it offers, what it runs, when it was last heard")
        {
            json,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var all = await api.GetAsync<RunnerRecord[]>("/api/v1/runners", stop);
                if (parsed.GetValue(json))
                    return Printed.Lines(all);
                Printed.Table(
                    ["runner", "state", "jobs", "engines", "bundles", "machine", "version", "last heard"],
                    all.Select(one =>
                        (string[])
                            [
                                one.Embedded ? $"{one.Name} (in the server)" : one.Name,
                                Printed.State(one.State),
                                one.Jobs.IsEmpty
                                    ? $"0 of {one.Slots}"
                                    : $"{one.Jobs.Length} of {one.Slots}: {string.Join(' ', one.Jobs)}",
                                string.Join(' ', one.Engines),
                                string.Join(' ', one.Bundles),
                                $"{one.Os} {one.Arch}",
                                one.Version,
                                $"{one.HeardAt:u}",
                            ]
                    )
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Token() =>
        new("token", "the tokens of runners: create, list, revoke") { NewToken(), ListTokens(), RevokeToken() };

    private static Command NewToken()
    {
        var name = new Argument<string>("NAME") { Description = "what it is for: build-farm, laptop" };
        var command = new Command("create", "make a token for runners; it is shown once") { name };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var made = await api.PostAsync<TokenAdded>(
                    "/api/v1/runner-tokens",
                    new { name = parsed.GetValue(name) },
                    stop
                );
                Console.WriteLine(made.Token);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command ListTokens()
    {
        var json = Printed.JsonOption();
        var command = new Command("list", "the runners' tokens, without their secrets") { json };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var all = await api.GetAsync<TokenRecord[]>("/api/v1/runner-tokens", stop);
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

    private static Command RevokeToken()
    {
        var id = new Argument<long>("ID") { Description = "the token's id, from `runner token list`" };
        var command = new Command("revoke", "its runners get no more jobs, and what they tell is not kept") { id };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                await api.SendAsync(HttpMethod.Delete, $"/api/v1/runner-tokens/{parsed.GetValue(id)}", stop);
                Console.WriteLine($"runner token {parsed.GetValue(id)} is revoked");
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
