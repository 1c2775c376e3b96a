using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Imports;
using TestGrid.Runner.Layers;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Queues.RabbitMq;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Docker;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner;

/// <summary>Who is who in a runner. A new engine or source is one line here.</summary>
public static class RunnerServices
{
    extension(IServiceCollection services)
    {
        /// <summary>Everything a runner is made of, but its queue and its reporter: those say where its work comes from.</summary>
        public IServiceCollection AddRunner()
        {
            services.AddSingleton(TimeProvider.System);
            services.AddSingleton<AptSources>();
            services.AddSingleton<BundleStore>();
            services.AddSingleton<BundleShipping>();
            services.AddSingleton(MakeEngine);
            services.AddSingleton<BundleLocks>();
            services.AddSingleton<JobGround>();
            services.AddSingleton<ImageBundles>();
            services.AddSingleton<OwnBundles>();
            services.AddSingleton<JobBundles>();
            services.AddSingleton<LayerStore>();
            services.AddSingleton<AppLayers>();
            services.AddSingleton<JobPlaces>();
            services.AddSingleton<LeavingPlaces>();
            services.TryAddSingleton<KeptPlaces>();
            services.AddSingleton<JobRunner>();
            services.AddSingleton<MachineOffer>();
            return services;
        }

        /// <summary>Jobs wait on a RabbitMQ broker. It may be away now: it is asked for when it is needed.</summary>
        /// <exception cref="System.ComponentModel.DataAnnotations.ValidationException">The address is none.</exception>
        public IServiceCollection AddRabbitMqQueue(QueueOptions options)
        {
            RabbitMqJobQueue.Check(options);
            return services.AddSingleton<IJobQueue>(provider => new RabbitMqJobQueue(
                options,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<RabbitMqJobQueue>>()
            ));
        }
    }

    // Made here and not registered by its own type, so that the container disposes it once.
    private static ISandboxEngine MakeEngine(IServiceProvider provider)
    {
        T Make<T>() => ActivatorUtilities.CreateInstance<T>(provider);
        var runner = provider.GetRequiredService<IOptions<RunnerOptions>>().Value;
        return runner.Engine switch
        {
            "docker" => Make<DockerSandboxEngine>(),
            AutoSandboxEngine.Auto => new AutoSandboxEngine(
                Make<NativeSandboxEngine>(),
                Make<DockerSandboxEngine>(),
                provider.GetRequiredService<IOptions<SandboxOptions>>().Value,
                provider.GetRequiredService<ILogger<AutoSandboxEngine>>()
            )
            {
                Network = runner.Network,
            },
            _ => Make<NativeSandboxEngine>(),
        };
    }
}
