using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Runner;
using TestGrid.Runner.Bundles.Http;
using TestGrid.Runner.Git;
using TestGrid.Runner.Link;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Queues.Http;
using TestGrid.Runner.Reporting;
using TestGrid.Runner.Reporting.Http;

namespace TestGrid.Cli.Serving;

/// <summary>A runner in a process of its own, for a server on another machine: it opens connections, and none is opened to it.</summary>
internal static class RunningRunner
{
    // Longer than a network stumbles, shorter than anybody waits for a job that stands still.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    /// <summary>Runs jobs until it is asked to stop; those that run then are given back.</summary>
    public static async Task RunAsync(RemoteSettings settings, CancellationToken stop)
    {
        using var alone = RunnerPlace.Hold(settings.DataPath, settings.Name);
        RunFolder.Sweep(LocalServices.RunnersPath(settings.DataPath));
        var queue = QueueChoice.Read(
            LocalServices.Settings(settings.DataPath, settings.BundlesPath, settings.Name),
            settings.Queue
        );
        using var host = Build(settings, queue, alone.Id);
        try
        {
            _ = host.Services.GetRequiredService<IOptions<RunnerOptions>>().Value;
            _ = host.Services.GetRequiredService<IOptions<SpoolOptions>>().Value;
        }
        catch (OptionsValidationException e)
        {
            throw new CommandException(e.Message, ExitCodes.Usage);
        }
        await ArriveAsync(host.Services, settings, stop);
        await host.StartAsync(stop);
        await using var asked = stop.Register(() =>
            host.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication()
        );
        await host.WaitForShutdownAsync(CancellationToken.None);
        if (host.Services.GetRequiredService<Presence>().EndedBy is { } why)
            throw new CommandException($"{settings.Server.Url} is no server for this runner any more: {why}");
    }

    // Before any work: a wrong address or token is said at once, a server that is away is waited for.
    private static async Task ArriveAsync(IServiceProvider services, RemoteSettings settings, CancellationToken stop)
    {
        var queue = services.GetRequiredService<QueueAddress>();
        var (presence, link) = (services.GetRequiredService<Presence>(), services.GetRequiredService<ServerLink>());
        for (var failures = 0; ; failures++)
        {
            try
            {
                var server = await presence.SayAsync(stop);
                var hello = services.GetRequiredService<Func<RunnerHello>>()();
                if (queue.ObjectionTo(server) is { } why)
                    throw new CommandException($"{settings.Server.Url} is no server for this: {why}", ExitCodes.Usage);
                var orders = queue.Kind == QueueOptions.RabbitMq ? "orders by the broker, " : "";
                Console.WriteLine(
                    $"runner {hello.Name} is connected to {settings.Server.Url}, {hello.Slots} jobs at once, {orders}"
                        + $"data in {settings.DataPath}"
                );
                if (server.Version != hello.Offer.Version)
                {
                    Console.Error.WriteLine(
                        $"==> the server is version {server.Version}, this runner {hello.Offer.Version}: "
                            + "update the older one"
                    );
                }
                return;
            }
            catch (ServerAwayException)
            {
                await link.PauseAsync(failures, stop);
            }
            catch (ServerRefusedException e)
            {
                throw new CommandException($"{settings.Server.Url} says no: {e.Message}");
            }
        }
    }

    private static IHost Build(RemoteSettings settings, QueueOptions queue, string place)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true);
        builder.Logging.SetMinimumLevel(settings.Verbose ? LogLevel.Information : LogLevel.Warning);
        var services = builder.Services;
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));
        services.AddRunner();
        LocalServices.Configure(services, settings.DataPath, settings.BundlesPath, settings.Name);
        if (settings.Slots is { } slots)
            services.Configure<RunnerOptions>(runner => runner.Slots = slots);
        services.AddSingleton<GitMirror>();
        services.AddSingleton<IWorkspaceSource>(provider => provider.GetRequiredService<GitMirror>());
        services.AddSingleton(new LinkOptions(settings.Server.Url, settings.Server.Token!, Patience, place));
        services.AddSingleton<ServerLink>();
        services.AddSingleton(provider => HttpBundles.From(provider.GetRequiredService<ServerLink>()));
        AddOrders(services, queue);
        services.AddSingleton<IJobReporter, HttpReporter>();
        services.AddSingleton<Func<RunnerHello>>(provider =>
        {
            var (offer, options) = (
                provider.GetRequiredService<MachineOffer>(),
                provider.GetRequiredService<IOptions<RunnerOptions>>().Value
            );
            return () => new RunnerHello(options.Name, options.Slots, offer.Now());
        });
        services.AddSingleton<HelloObjection>(provider => provider.GetRequiredService<QueueAddress>().ObjectionTo);
        services.AddSingleton<Presence>();
        // Ended in the other order: the worker gives its jobs back before the runner says goodbye.
        services.AddHostedService(provider => provider.GetRequiredService<Presence>());
        services.AddHostedService<DiskKeeper>();
        services.AddHostedService<Worker>();
        return builder.Build();
    }

    // Claims, heartbeats, logs and verdicts go to the server in either case: only orders have two ways.
    private static void AddOrders(IServiceCollection services, QueueOptions queue)
    {
        try
        {
            _ = queue.Chosen switch
            {
                QueueOptions.RabbitMq => services.AddRabbitMqQueue(queue),
                QueueOptions.Sqlite => services.AddSingleton<IJobQueue, HttpJobQueue>(),
                var other => throw new ValidationException(
                    $"there is no queue '{other}': a broker's address, or none to ask the server"
                ),
            };
            services.AddSingleton(QueueAddress.Of(queue));
        }
        catch (ValidationException e)
        {
            throw new CommandException(e.Message, ExitCodes.Usage);
        }
    }
}
