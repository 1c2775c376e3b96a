using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Native;
using TestGrid.Runner.Services;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Services;

/// <summary>Services that no other test needs, each from its shipped recipe and in its own bundle.</summary>
[Trait("Slow", "true")]
public sealed class ShippedServicesTests
{
    // The first time a bundle is made, its packages come from the mirror.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [Theory]
    [InlineData("mariadb")]
    [InlineData("memcached")]
    [InlineData("rabbitmq")]
    public async Task A_shipped_service_meets_its_own_check_beside_a_job(string name)
    {
        var stop = TestContext.Current.CancellationToken;
        using var folder = new TempFolder();
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_101_101); // a pod's root is a stranger
        using var job = await TestBundles.BaseAsync(stop);
        await using var bundle = await TestBundles.ServiceAsync(name, stop);
        var recipes = Path.Combine(new BundleOptions().RecipesPath, $"service-{name}", "recipe.yml");
        var read = RecipeReader.Read(recipes, await File.ReadAllTextAsync(recipes, stop));
        var service = Assert.IsType<RecipeReading.Read>(read).Recipe.Service!;
        await using var engine = new NativeSandboxEngine(
            Options.Create(new SandboxOptions { StatePath = Path.Combine(folder.Path, "state") }),
            TimeProvider.System,
            NullLogger<NativeSandboxEngine>.Instance
        );
        var spec = new SandboxSpec("1.1-1", job.Bundle.RootPath, [], JobLimits.Default, SandboxNetwork.None)
        {
            Services = [new SandboxService(name, bundle.Bundle.RootPath) { Sockets = service.Sockets }],
        };
        await using var sandbox = await engine.CreateAsync(spec, stop);

        var running = RunningService.Start(sandbox, new JobService(name, $"service-{name}", service));
        await Task.WhenAny(running.IsReady, running.Ended).WaitAsync(Patience, TimeProvider.System, stop);

        Assert.True(running.IsReady.IsCompleted, System.Text.Encoding.UTF8.GetString(running.Log.Bytes));
        Assert.False(running.Ended.IsCompleted);
    }
}
