using Microsoft.Extensions.DependencyInjection;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Sandboxes;
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
            services.AddSingleton<ISandboxEngine, NativeSandboxEngine>();
            services.AddSingleton<JobGround>();
            services.AddSingleton<JobRunner>();
            return services;
        }
    }
}
