using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Cli.Serving;
using TestGrid.Runner.Bundles;
using TestGrid.Server.Access;

namespace TestGrid.Cli.Commands;

/// <summary>
/// <c>testgrid up</c>: server and runner, and at the first time a first bundle, a sample repository and a push of it through
/// the real webhook.
/// </summary>
internal static class UpCommand
{
    public static Command Create()
    {
        var settings = new ServingOptions();
        var command = new Command("up", "start it all here: server, runner, a sample repository; Ctrl-C stops it");
        settings.AddTo(command);
        command.SetAction((parsed, stop) => RunAsync(settings.Read(parsed), stop));
        return command;
    }

    private static async Task<int> RunAsync(ServingSettings settings, CancellationToken stop)
    {
        Say($"data in {settings.DataPath}");
        await using var server = await RunningServer.StartAsync(settings, null, stop);
        var token = (await File.ReadAllTextAsync(Path.Combine(server.DataPath, "admin-token"), stop)).Trim();
        LeaveConnection(server, token);
        var link = await server.Services.GetRequiredService<SignInLinks>().AddAsync(stop);
        var publicUrl = server.Services.GetRequiredService<PublicAddress>().Url;
        Console.WriteLine(
            $"""

              TestGrid {SignInEndpoints.Version}

                dashboard   {publicUrl}
                sign in     {link.Url}   (once; later: testgrid signin)
                webhooks    {publicUrl}/hooks/github

            """
        );

        try
        {
            await PrepareAsync(server, stop);
            using var api = new ApiClient(new Connection(new Uri(server.Url), token));
            Say(await SamplePush.PushOnceAsync(Path.Combine(server.DataPath, "sample"), api, stop));
            PutOnPath();
            Console.WriteLine(
                """

                  your own repository:  testgrid run                 here, without a server
                                        testgrid repo add URL|PATH   then push
                  Ctrl-C stops everything.
                """
            );
        }
        catch (BundleException e)
        {
            // The server is up and says the same to every job that needs the bundle.
            Console.Error.WriteLine($"error: {e.Message}");
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Ctrl-C while a bundle was being built: it is gone, and so are we.
        }
        await server.RunUntilStoppedAsync(stop);
        Say("stopped");
        return ExitCodes.Ok;
    }

    private static async Task PrepareAsync(RunningServer server, CancellationToken stop)
    {
        using var progress = new ProgressLine();
        await using var bundle = await server
            .Services.GetRequiredService<BundleStore>()
            .GetAsync("base", progress, stop);
        progress.Clear();
        Say($"bundle base is ready: {bundle.Bundle.Digest}");
    }

    // For later commands of the person who called, also when they called through sudo.
    private static void LeaveConnection(RunningServer server, string token)
    {
        var forRoot = Path.Combine(server.DataPath, "client.json");
        Connection.Leave(forRoot, server.Url, token);
        // Wherever the data lies: commands are not told of --data.
        if (SudoCaller.Find() is { } caller)
            caller.Leave(server.Url, token);
        else if (Connection.OwnFile is { } own)
            Connection.Leave(own, server.Url, token);
    }

    private static void PutOnPath()
    {
        if (Installation.Launcher is { } launcher && PathLink.Usual(launcher).Make() is { } said)
            Say(said);
    }

    private static void Say(string what) => Console.Error.WriteLine($"==> {what}");
}
