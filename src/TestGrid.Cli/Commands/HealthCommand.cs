using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Server.Dashboard;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid health</c>: is the server ready for work; for container engines and scripts that watch over it.</summary>
internal static class HealthCommand
{
    public static Command Create()
    {
        var command = new Command("health", "ask the server whether it is ready: exit code 0, or 3 and why it is not");
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var health = await api.GetAsync<HealthRecord>("/readyz", stop);
                Console.WriteLine(health.Status);
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
