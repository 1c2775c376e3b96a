using System.CommandLine;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Cli.Sample;
using TestGrid.Cli.Serving;
using TestGrid.Runner.Bundles;
using TestGrid.Server.Access;
using TestGrid.Server.Dashboard;

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
            await PushSampleAsync(server, api, stop);
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

    // Once: whoever changed the sample, or removed it, meant it.
    private static async Task PushSampleAsync(RunningServer server, ApiClient api, CancellationToken stop)
    {
        var folder = Path.Combine(server.DataPath, "sample");
        if (Directory.Exists(folder))
        {
            Say(
                $"the sample repository is in {folder}; build it again with: testgrid build start {SampleRepository.Slug}"
            );
            return;
        }
        SampleRepository.Make(folder, TimeProvider.System.GetUtcNow());
        var added = await api.PostAsync<RepositoryAdded>(
            "/api/v1/repositories",
            new { url = folder, slug = SampleRepository.Slug },
            stop
        );
        var build = await PostPushAsync(api.Address, SampleRepository.Push(folder), added.Secret, stop);
        Say($"pushed the sample repository in {folder} through the webhook: {build}");
    }

    private static async Task<string> PostPushAsync(Uri server, object push, string secret, CancellationToken stop)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(push);
        using var http = new HttpClient { BaseAddress = server };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/hooks/github")
        {
            Content = new ByteArrayContent(body) { Headers = { ContentType = new("application/json") } },
            Headers =
            {
                { "X-GitHub-Event", "push" },
                { "X-GitHub-Delivery", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)) },
                {
                    "X-Hub-Signature-256",
                    "sha256=" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body))
                },
            },
        };
        using var response = await http.SendAsync(request, stop);
        if (response.StatusCode is not HttpStatusCode.Accepted)
        {
            throw new CommandException(
                $"the webhook of the sample repository was answered {(int)response.StatusCode}: "
                    + await response.Content.ReadAsStringAsync(stop)
            );
        }
        return new Uri(server, response.Headers.Location!).ToString();
    }

    // For later commands of the person who called, also when they called through sudo.
    private static void LeaveConnection(RunningServer server, string token)
    {
        var forRoot = Path.Combine(server.DataPath, "client.json");
        Connection.Leave(forRoot, server.Url, token);
        if (SudoCaller.Find() is { } caller)
            caller.Leave(server.Url, token);
    }

    private static void PutOnPath()
    {
        if (Installation.Launcher is not { } launcher)
            return;
        var onPath = (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Any(folder => File.Exists(Path.Combine(folder, "testgrid")));
        if (onPath)
            return;
        const string Link = "/usr/local/bin/testgrid";
        try
        {
            File.CreateSymbolicLink(Link, launcher);
            Say($"{Link} is this program now");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Say($"to call it testgrid from anywhere: sudo ln -s {launcher} {Link}");
        }
    }

    private static void Say(string what) => Console.Error.WriteLine($"==> {what}");
}
