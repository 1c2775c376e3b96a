using System.CommandLine;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Serving;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid server</c>: the server with its embedded runner, in the foreground, for service managers.</summary>
internal static class ServerCommand
{
    public static Command Create()
    {
        var settings = new ServingOptions();
        var command = new Command("server", "run the server and its embedded runner in the foreground");
        settings.AddTo(command);
        command.SetAction(
            async (parsed, stop) =>
            {
                await using var server = await RunningServer.StartAsync(settings.Read(parsed), null, stop);
                Console.WriteLine($"listening on {server.Url}, data in {server.DataPath}");
                await server.RunUntilStoppedAsync(stop);
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
