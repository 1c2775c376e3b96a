using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Git;
using TestGrid.Runner.Layers;

namespace TestGrid.Runner;

/// <summary>
/// Keeps a runner's disk within its bounds: what a crash left goes before the first job, and every hour what is too old or
/// too much (<see cref="BundleOptions"/>, <see cref="GitOptions"/>). Nothing that is in use is touched.
/// </summary>
public sealed partial class DiskKeeper(
    BundleStore bundles,
    LayerStore layers,
    GitMirror mirror,
    TimeProvider time,
    ILogger<DiskKeeper> log
) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await mirror.SweepAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        do
        {
            try
            {
                await CleanAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Stumbled(log, e);
            }
        } while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task CleanAsync(CancellationToken stop)
    {
        if (await bundles.CleanAsync(stop) is var freed and > 0)
            Freed(log, freed >> 20);
        if (await layers.CleanAsync(stop) is var given and > 0)
            LayersGave(log, given >> 20);
        await mirror.CleanAsync(stop);
    }

    [LoggerMessage(LogLevel.Information, "Bundles that nothing needs any more gave {MiB} MiB back")]
    private static partial void Freed(ILogger log, long mib);

    [LoggerMessage(LogLevel.Information, "App layers that nobody used gave {MiB} MiB back")]
    private static partial void LayersGave(ILogger log, long mib);

    [LoggerMessage(LogLevel.Error, "The disk was not cleaned this time; it is tried again in an hour")]
    private static partial void Stumbled(ILogger log, Exception e);
}
