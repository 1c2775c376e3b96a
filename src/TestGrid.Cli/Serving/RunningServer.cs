using System.ComponentModel.DataAnnotations;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Git;
using TestGrid.Server;
using TestGrid.Server.Planning;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Serving;

/// <summary>A server with its embedded runner in this process.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly WebApplication app;

    private RunningServer(WebApplication app, string dataPath) => (this.app, DataPath) = (app, dataPath);

    /// <summary>Where it listens, with the port it got.</summary>
    public string Url => app.Urls.First();

    public string DataPath { get; }

    public IServiceProvider Services => app.Services;

    /// <summary>Starts it; returns when it answers.</summary>
    /// <param name="settings">What the command line says.</param>
    /// <param name="replace">Changes to who is who, for measurements beside the usual parts.</param>
    /// <param name="stop">Gives up.</param>
    public static async Task<RunningServer> StartAsync(
        ServingSettings settings,
        Action<IServiceCollection>? replace,
        CancellationToken stop
    )
    {
        WebApplication app;
        try
        {
            app = Build(settings, replace);
        }
        catch (Exception e) when (e is StoreException or ValidationException)
        {
            throw new CommandException(e.Message, e is ValidationException ? ExitCodes.Usage : ExitCodes.Broken);
        }
        RunFolder.Sweep(LocalServices.RunnersPath(settings.DataPath));
        try
        {
            await app.StartAsync(stop);
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            await app.DisposeAsync();
            throw new CommandException(InUse(settings.Listen));
        }
        catch (SocketException e)
        {
            await app.DisposeAsync();
            throw new CommandException($"cannot listen on {settings.Listen}: {e.Message}");
        }
        return new RunningServer(app, settings.DataPath);
    }

    /// <summary>Returns when it has been asked to stop, and has stopped: running jobs are given back first.</summary>
    public async Task RunUntilStoppedAsync(CancellationToken stop)
    {
        await using var asked = stop.Register(() => app.Lifetime.StopApplication());
        await app.WaitForShutdownAsync(CancellationToken.None);
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private static WebApplication Build(ServingSettings settings, Action<IServiceCollection>? replace)
    {
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory }
        );
        builder.Logging.ClearProviders().AddSimpleConsole(console => console.SingleLine = true);
        builder.Logging.SetMinimumLevel(settings.Verbose ? LogLevel.Information : LogLevel.Warning);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));
        builder.Services.AddServer(ServerSettings.Read(settings));
        builder.Services.AddRunner();
        // Before its settings are read, which may say otherwise: a shell in there comes through this server.
        builder.Services.Configure<RunnerOptions>(runner => runner.KeepFailed = TimeSpan.FromMinutes(30));
        LocalServices.Configure(builder.Services, settings.DataPath, settings.BundlesPath, "embedded");
        builder.Services.Configure<RunnerOptions>(runner =>
            runner.FilledPaths.Add(Path.Combine(settings.DataPath, "logs"))
        );
        if (settings.Slots is { } slots)
            builder.Services.Configure<RunnerOptions>(runner => runner.Slots = slots);
        builder.Services.AddSingleton<GitMirror>();
        builder.Services.AddSingleton<IWorkspaceSource>(services => services.GetRequiredService<GitMirror>());
        builder.Services.AddSingleton<CommitFiles, MirrorCommitFiles>();
        builder.Services.AddSingleton(services =>
        {
            var bundles = services.GetRequiredService<BundleStore>();
            return new OfferedBundles(
                () => bundles.Offers,
                () => bundles.Services,
                bundles.DigestOf,
                services.GetRequiredService<OwnBundles>().ProblemOf
            );
        });
        builder.Services.AddHostedService<EmbeddedRoom>();
        builder.Services.AddHostedService<DiskKeeper>();
        builder.Services.AddHostedService<Worker>();
        replace?.Invoke(builder.Services);

        var app = builder.Build();
        app.MapServer();
        return app;
    }

    private static string InUse(string listen)
    {
        var port = new Uri(listen).Port;
        var holder = PortHolder.Find(port) is { } who ? $"{who} holds it" : "another program holds it";
        return $"port {port} is in use: {holder}. Stop that, or listen elsewhere: --listen http://127.0.0.1:{port + 1}";
    }
}
