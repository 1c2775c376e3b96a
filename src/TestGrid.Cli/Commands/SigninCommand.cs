using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Server.Access;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid signin</c>: a fresh one-time link for a browser.</summary>
internal static class SigninCommand
{
    public static Command Create()
    {
        var command = new Command("signin", "print a one-time link that signs a browser in");
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var link = await api.PostAsync<SignInLink>("/api/v1/sign-in-links", null, stop);
                Console.WriteLine(link.Url);
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
