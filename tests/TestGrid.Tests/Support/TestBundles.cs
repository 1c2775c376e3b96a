using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Imports;

namespace TestGrid.Tests.Support;

/// <summary>
/// Real bundles for tests, built once into a folder that stays (<c>TESTGRID_TEST_CACHE</c>, else
/// <c>/var/cache/testgrid-tests</c>) and shared by every test and every run.
/// </summary>
public static class TestBundles
{
    public static string CachePath { get; } =
        Environment.GetEnvironmentVariable("TESTGRID_TEST_CACHE") ?? "/var/cache/testgrid-tests";

    /// <summary>The base bundle's tree, for a run as a user who may not open the cache's locks: <c>TESTGRID_TEST_ROOT</c>.</summary>
    public static Bundle? Given { get; } =
        Environment.GetEnvironmentVariable("TESTGRID_TEST_ROOT") is { } root
            ? new Bundle("base", BundleDigest.Of(new byte[32]), root, "bookworm")
            : null;

    /// <summary>
    /// The services' trees for such a run, as <c>redis=PATH;postgresql=PATH</c>: <c>TESTGRID_TEST_SERVICES</c>.
    /// </summary>
    private static string? GivenServices { get; } = Environment.GetEnvironmentVariable("TESTGRID_TEST_SERVICES");

    public static BundleStore Store { get; } = StoreAt(Path.Combine(CachePath, "bundles"));

    /// <summary>The base bundle, in use until it is disposed.</summary>
    public static ValueTask<BundleLease> BaseAsync(CancellationToken stop) =>
        Store.GetAsync("base", new Progress<BundleProgress>(), stop);

    /// <summary>A service's bundle, in use until it is disposed.</summary>
    public static async ValueTask<ServiceBundle> ServiceAsync(string name, CancellationToken stop)
    {
        var given = GivenServices?.Split(';').Select(pair => pair.Split('=')).First(pair => pair[0] == name)[1];
        if (given is not null)
            return new ServiceBundle(new Bundle(name, BundleDigest.Of(new byte[32]), given, "bookworm"), null);
        var lease = await Store.GetAsync($"service-{name}", new Progress<BundleProgress>(), stop);
        return new ServiceBundle(lease.Bundle, lease);
    }

    /// <summary>What a job's configuration may name, over this store; images go to the cache's.</summary>
    public static JobBundles JobsOf(BundleStore store, BundleOptions? options = null) =>
        new(
            store,
            new ImageBundles(
                Options.Create(options ?? new BundleOptions { RootPath = Path.Combine(CachePath, "bundles") }),
                TimeProvider.System
            ),
            OwnOf(options ?? new BundleOptions { RootPath = Path.Combine(CachePath, "bundles") })
        );

    /// <summary>Those of repositories' recipes.</summary>
    public static OwnBundles OwnOf(BundleOptions options) =>
        new(
            Options.Create(options),
            new AptSources(Options.Create(options)),
            TimeProvider.System,
            NullLogger<BundleStore>.Instance
        );

    /// <summary>Those of repositories' recipes, in the cache.</summary>
    public static OwnBundles Own { get; } = OwnOf(new BundleOptions { RootPath = Path.Combine(CachePath, "bundles") });

    public static BundleStore StoreAt(
        string folder,
        string? recipes = null,
        Action<BundleOptions>? set = null,
        BundleSupplier? supplier = null
    )
    {
        var options = new BundleOptions { RootPath = folder };
        if (recipes is not null)
            options.RecipesPath = recipes;
        set?.Invoke(options);
        var wrapped = Options.Create(options);
        return new(wrapped, new AptSources(wrapped), TimeProvider.System, NullLogger<BundleStore>.Instance, supplier);
    }
}

/// <summary>A service's bundle in use.</summary>
public sealed record ServiceBundle(Bundle Bundle, BundleLease? Lease) : IAsyncDisposable
{
    public ValueTask DisposeAsync() => Lease?.DisposeAsync() ?? ValueTask.CompletedTask;
}
