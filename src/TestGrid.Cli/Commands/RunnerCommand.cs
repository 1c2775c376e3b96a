using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Cli.Serving;
using TestGrid.Server.Dashboard;

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
            TokenCommand.OfRunners(),
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
}
