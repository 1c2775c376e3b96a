using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TestGrid.Cli.Exits;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Git;
using TestGrid.Runner.Reporting.Http;
using TestGrid.Runner.Sandboxes;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Machine;

/// <summary>The runner's parts on this machine: where they keep what, for a server and for commands alike.</summary>
internal static class LocalServices
{
    /// <summary>
    /// The settings of a runner's parts: where this program keeps things, then <c>testgrid.json</c> in the data folder, then
    /// the environment (<c>TESTGRID_RUNNER__SLOTS</c>).
    /// </summary>
    public static void Configure(IServiceCollection services, string dataPath, string? bundlesPath, string runner)
    {
        var settings = Settings(dataPath, bundlesPath, runner);
        services.AddOptions<RunnerOptions>().Bind(settings.GetSection("runner")).ValidateDataAnnotations();
        services.AddOptions<SandboxOptions>().Bind(settings.GetSection("sandbox")).ValidateDataAnnotations();
        services.AddOptions<BundleOptions>().Bind(settings.GetSection("bundles")).ValidateDataAnnotations();
        services.AddOptions<GitOptions>().Bind(settings.GetSection("git")).ValidateDataAnnotations();
        services.AddOptions<SpoolOptions>().Bind(settings.GetSection("spool")).ValidateDataAnnotations();
    }

    /// <summary>What is set: where this program keeps things, then the file, then the environment.</summary>
    public static IConfiguration Settings(string dataPath, string? bundlesPath, string runner)
    {
        var state = Path.Combine(RunnersPath(dataPath), runner);
        return new ConfigurationBuilder()
            .AddInMemoryCollection(
                new Dictionary<string, string?>
                {
                    ["runner:name"] = runner,
                    ["runner:statePath"] = state,
                    ["sandbox:statePath"] = Path.Combine(state, "sandboxes"),
                    ["bundles:rootPath"] = bundlesPath ?? Path.Combine(dataPath, "bundles"),
                    ["bundles:recipesPath"] = Installation.RecipesPath,
                    ["git:rootPath"] = Path.Combine(dataPath, "git"),
                    ["spool:path"] = Path.Combine(state, "spool"),
                }
            )
            .AddJsonFile(Path.Combine(dataPath, "testgrid.json"), optional: true)
            .AddEnvironmentVariables("TESTGRID_")
            .Build();
    }

    /// <summary>What jobs on this machine may use at most: key <c>planning:limits</c>, as the server has it.</summary>
    /// <exception cref="CommandException">A limit is out of its range.</exception>
    public static JobLimits JobLimits()
    {
        try
        {
            var settings = Settings(DataFolder.Usual(), null, "run");
            return OperatorSettings.Read<JobLimitOptions>(settings, "planning:limits").ToLimits();
        }
        catch (Exception e) when (e is ValidationException or InvalidDataException)
        {
            throw new CommandException(OperatorSettings.Told(e), ExitCodes.Usage);
        }
    }

    /// <summary>The folders of this machine's runners: each has one, and each <c>run</c> for as long as it lives.</summary>
    public static string RunnersPath(string dataPath) => Path.Combine(dataPath, "runner");

    /// <summary>What <c>run</c> is made of: the server's own runner, on the files of a work tree.</summary>
    /// <param name="workTree">The files.</param>
    /// <param name="folder">What it keeps meanwhile.</param>
    public static ServiceProvider ForRun(string workTree, RunFolder folder)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning).AddSimpleConsole());
        services.AddRunner();
        Configure(services, DataFolder.Usual(), null, folder.Name);
        // Whatever the settings say: a run beside a server must not sweep its sandboxes, nor remove its folder.
        services.PostConfigure<RunnerOptions>(runner => (runner.Name, runner.StatePath) = (folder.Name, folder.Path));
        services.PostConfigure<SandboxOptions>(sandbox => sandbox.StatePath = folder.SandboxesPath);
        services.AddSingleton<IWorkspaceSource>(provider =>
            ActivatorUtilities.CreateInstance<WorkingFolder>(provider, workTree)
        );
        return services.BuildServiceProvider();
    }

    /// <summary>The bundles of this machine alone.</summary>
    /// <param name="recipes">A folder of the user's own recipes, whose locks are promises; null takes the shipped.</param>
    /// <param name="recipeFile">One recipe's file of the user's own, with its lock beside it, instead of a folder.</param>
    public static ServiceProvider ForBundles(DirectoryInfo? recipes = null, string? recipeFile = null)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning).AddSimpleConsole());
        services.AddRunner();
        Configure(services, DataFolder.Usual(), null, "store");
        if (recipes is not null || recipeFile is not null)
            services.AddSingleton(provider =>
            {
                var options = provider.GetRequiredService<IOptionsMonitor<BundleOptions>>().CurrentValue;
                return Options.Create(options.ForOwn(recipes?.FullName, recipeFile));
            });
        services.AddSingleton<GitMirror>();
        return services.BuildServiceProvider();
    }

    /// <summary>What a configuration may ask for, by the recipes here.</summary>
    public static ConfigSettings ConfigSettings()
    {
        using var services = ForBundles();
        var store = services.GetRequiredService<BundleStore>();
        var without = Settings(DataFolder.Usual(), null, "run")["planning:runsWithoutServices"];
        return new ConfigSettings(store.Offers)
        {
            Services = store.Services,
            RunsWithoutServices = bool.TryParse(without, out var may) && may,
        };
    }
}
