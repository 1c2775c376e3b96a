using System.Collections.Frozen;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using TestGrid.Runner;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Reporting;
using TestGrid.Server.Access;
using TestGrid.Server.Dashboard;
using TestGrid.Server.GitHosts;
using TestGrid.Server.GitHosts.Generic;
using TestGrid.Server.GitHosts.GitHub;
using TestGrid.Server.Planning;
using TestGrid.Server.Recording;
using TestGrid.Server.Scheduling;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Server.Webhooks;

namespace TestGrid.Server;

/// <summary>
/// Who is who. Beside it the composition root registers what a server asks of the runner's side:
/// <see cref="CommitFiles"/> and <see cref="OfferedBundles"/>.
/// </summary>
public static class ServerServices
{
    // A new queue is one line here.
    private static readonly FrozenDictionary<string, Action<IServiceCollection, QueueOptions>> Queues = new Dictionary<
        string,
        Action<IServiceCollection, QueueOptions>
    >
    {
        [QueueOptions.Sqlite] = (services, _) => services.AddSingleton<IJobQueue, SqliteJobQueue>(),
        [QueueOptions.RabbitMq] = (services, queue) => services.AddRabbitMqQueue(queue),
    }.ToFrozenDictionary();

    /// <summary>Opens the data folder and its database now, so that a start that cannot work fails before it listens.</summary>
    /// <exception cref="StoreException">Another process holds the data folder, or it cannot be used.</exception>
    /// <exception cref="ValidationException">A setting is out of its range.</exception>
    public static IServiceCollection AddServer(this IServiceCollection services, ServerOptions options)
    {
        options.Validate();
        if (!Queues.TryGetValue(options.Queue.Chosen, out var addQueue))
            throw new ValidationException(
                $"there is no queue '{options.Queue.Chosen}': {string.Join(" or ", Queues.Keys.Order(StringComparer.Ordinal))}"
            );
        addQueue(services, options.Queue);
        var folder = DataFolder.Open(options.DataPath ?? DataFolder.Usual());
        try
        {
            var key = folder.ReadOrMakeKey();
            var database = SqliteDatabase.Open(folder.DatabasePath);
            // By factory, so that the container disposes them: the database drains its writes before the lock goes.
            services.AddSingleton(_ => folder).AddSingleton(_ => database).AddSingleton(_ => new SecretBox(key));
        }
        catch
        {
            folder.Dispose();
            throw;
        }
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options).AddSingleton(options.Access).AddSingleton(options.Planning);
        services.AddSingleton(options.Scheduling).AddSingleton(options.Retention);
        services.AddSingleton(options.Queue).AddSingleton(options.Leases).AddSingleton(options.Runners);
        return services.AddStore().AddStages().AddDashboard();
    }

    /// <summary>Maps all that the server answers to, and says where it listens.</summary>
    public static void MapServer(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<ServerOptions>();
        _ = app.Services.GetRequiredService<DataFolder>(); // made by the container, so disposed by it, the last of all
        _ = app.Services.GetRequiredService<SqliteDatabase>();
        app.Urls.Clear();
        app.Urls.Add(options.Access.Listen);

        app.UseExceptionHandler();
        app.UseMiddleware<Doorkeeper>();
        app.UseStatusCodePages();
        app.MapWebhooks();
        app.MapSignIn();
        app.MapAudit();
        app.MapBuilds();
        app.MapJobs();
        app.MapRepositories();
        app.MapSecrets();
        app.MapDeliveries();
        app.MapHealth();
        app.MapCondition();
        app.MapRunners();
        app.MapRunnerTokens();
        app.MapRunnersDoor();
        app.MapOpenApi("/openapi/{documentName}.json");
        app.MapHub<DashboardHub>("/live");
        app.UseWebsite(options.WebPath ?? Path.Combine(AppContext.BaseDirectory, "wwwroot"));
    }

    private static IServiceCollection AddStore(this IServiceCollection services) =>
        services
            .AddSingleton(provider => new LogFiles(provider.GetRequiredService<DataFolder>().LogsPath))
            .AddSingleton<RepositoryStore>()
            .AddSingleton<DeliveryStore>()
            .AddSingleton<BuildStore>()
            .AddSingleton<BuildViews>()
            .AddSingleton<JobStore>()
            .AddSingleton<Leases>()
            .AddSingleton<RetentionStore>()
            .AddSingleton<AccessStore>()
            .AddSingleton<AuditStore>()
            .AddSingleton<RunnerStore>();

    private static IServiceCollection AddStages(this IServiceCollection services)
    {
        services.AddSingleton<Bells>().AddSingleton<RunnerRoom>().AddSingleton<BuildPlanner>();
        services.AddSingleton<RegisteredImports>().AddSingleton<RepositoryBundles>();
        services
            .AddSingleton<Recorder>()
            .AddSingleton<IJobReporter>(provider => provider.GetRequiredService<Recorder>());
        services.AddSingleton<HandedOrders>().AddSingleton<ClaimAnswers>().AddSingleton<RunnerRegister>();
        services.AddSingleton<IGitHost, GitHubHost>().AddSingleton<IGitHost, GenericHost>();
        services.AddSingleton<Reception>().AddSingleton<Refusals>().AddSingleton<HookBodies>();
        return services
            .AddHostedService<AdminToken>()
            .AddHostedService(provider => provider.GetRequiredService<RunnerRegister>())
            .AddHostedService(provider => provider.GetRequiredService<ConditionWatch>())
            .AddHostedService<Planner>()
            .AddHostedService<Scheduler>()
            .AddHostedService<LostJobs>()
            .AddHostedService<Housekeeping>();
    }

    private static IServiceCollection AddDashboard(this IServiceCollection services)
    {
        services
            .AddSingleton<PublicAddress>()
            .AddSingleton<Callers>()
            .AddSingleton<SignInLinks>()
            .AddSingleton<Audit>();
        services.AddSingleton<RepositoryViews>().AddSingleton<RepositoryRemoval>();
        services.TryAddSingleton<KeptPlaces>(); // the embedded runner's, where there is one
        services
            .AddSingleton<ConditionWatch>()
            .AddSingleton<LogFollower>()
            .AddSingleton<BuildWatcher>()
            .AddSingleton<KeptShells>()
            .AddSingleton<RunnerViews>();
        services.AddProblemDetails(problems =>
            problems.CustomizeProblemDetails = context => context.ProblemDetails.Extensions.Remove("traceId")
        );
        services.AddOpenApi(options => options.AddDocumentTransformer<ApiDocument>());
        services.Configure<JsonOptions>(json =>
        {
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict; // or the document says integer or string
            foreach (var converter in DashboardJson.Default.Options.Converters)
                json.SerializerOptions.Converters.Add(converter); // its own settings stay with it, these options have theirs
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, DashboardJson.Default);
        });
        services.Configure<RouteOptions>(routes => routes.LowercaseUrls = true);
        services.AddSignalR().AddMessagePackProtocol();
        return services;
    }
}
