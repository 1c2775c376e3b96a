using System.Reflection;
using System.Runtime.InteropServices;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Link;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner;

/// <summary>What this machine has to offer as a runner, for people who look for one.</summary>
public sealed class MachineOffer(ISandboxEngine engine, BundleStore bundles)
{
    /// <summary>TestGrid's, of this program.</summary>
    public static readonly string Version =
        typeof(MachineOffer)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            ?.InformationalVersion.Split('+')[0]
        ?? "0";

    /// <summary>As it is now: bundles come and go.</summary>
    public RunnerOffer Now() =>
        new(
            Version,
            RuntimeInformation.OSDescription,
            RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant(),
            [engine.Name],
            [.. bundles.Recipes.Where(bundles.Has).Order(StringComparer.Ordinal)]
        );
}
