using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Server.Dashboard;

namespace TestGrid.Cli.Commands;

/// <summary>
/// <c>testgrid health</c>: is the server ready for work, or with <c>--alive</c> at least there; for container engines and
/// scripts that watch over it.
/// </summary>
internal static class HealthCommand
{
    public static Command Create()
    {
        var alive = new Option<bool>("--alive")
        {
            Description =
                "ask only whether it answers: for what starts it again when it does not. A server whose broker or disk is in "
                + "trouble is alive, and starting it again mends neither",
        };
        var command = new Command("health", "ask the server whether it is ready: exit code 0, or 3 and why it is not")
        {
            alive,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var health = await api.GetAsync<HealthRecord>(parsed.GetValue(alive) ? "/livez" : "/readyz", stop);
                Console.WriteLine(health.Status);
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
