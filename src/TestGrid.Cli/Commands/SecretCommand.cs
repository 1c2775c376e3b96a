using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid secret …</c>: values that reach jobs as environment and never their logs.</summary>
internal static class SecretCommand
{
    private static readonly Argument<string> Repository = new("REPO") { Description = "owner/name, or its id" };
    private static readonly Argument<string> Name = new("NAME") { Description = "the environment variable" };

    public static Command Create() =>
        new("secret", "a repository's secrets: set, list, remove") { Set(), List(), Remove() };

    private static Command Set()
    {
        var command = new Command(
            "set",
            "set a secret; its value is read from standard input, or asked for, so that no shell keeps it"
        )
        {
            Repository,
            Name,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var repository = await RepoCommand.FindAsync(api, parsed.GetValue(Repository)!, stop);
                var value = Console.IsInputRedirected
                    ? (await Console.In.ReadToEndAsync(stop)).TrimEnd('\n')
                    : Printed.AskSecret($"value of {parsed.GetValue(Name)}: ");
                await api.SendAsync(
                    HttpMethod.Put,
                    $"/api/v1/repositories/{repository.Id}/secrets/{Uri.EscapeDataString(parsed.GetValue(Name)!)}",
                    stop,
                    new { value }
                );
                Console.WriteLine($"{parsed.GetValue(Name)} is set for {Printed.Plain(repository.Slug)}");
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command List()
    {
        var command = new Command("list", "the names; values are never shown") { Repository };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var repository = await RepoCommand.FindAsync(api, parsed.GetValue(Repository)!, stop);
                foreach (var name in repository.SecretNames)
                    Console.WriteLine(name);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Remove()
    {
        var command = new Command("remove", "forget a secret") { Repository, Name };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var repository = await RepoCommand.FindAsync(api, parsed.GetValue(Repository)!, stop);
                await api.SendAsync(
                    HttpMethod.Delete,
                    $"/api/v1/repositories/{repository.Id}/secrets/{Uri.EscapeDataString(parsed.GetValue(Name)!)}",
                    stop
                );
                Console.WriteLine($"{parsed.GetValue(Name)} is removed");
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
