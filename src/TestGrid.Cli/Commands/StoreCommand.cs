using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Git;
using TestGrid.Runner.Layers;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid store …</c>: where the data lies, and less of it.</summary>
internal static class StoreCommand
{
    public static Command Create() => new("store", "the data folder: path, gc") { PathOf(), Collect() };

    private static Command PathOf()
    {
        var command = new Command("path", "print where the data lies");
        command.SetAction(_ => Console.Out.WriteLine(DataFolder.Usual()));
        return command;
    }

    private static Command Collect()
    {
        var command = new Command(
            "gc",
            "remove bundles, app layers and checkouts that nothing needs any more, and what crashes left"
        );
        command.SetAction(
            async (parsed, stop) =>
            {
                await using var services = LocalServices.ForBundles();
                RunFolder.Sweep(LocalServices.RunnersPath(DataFolder.Usual()));
                var bundles = services.GetRequiredService<BundleStore>();
                await bundles.SweepAsync(stop);
                var layers = services.GetRequiredService<LayerStore>();
                var freed = await bundles.CleanAsync(stop) + await layers.CleanAsync(stop);
                var mirror = services.GetRequiredService<GitMirror>();
                await mirror.SweepAsync(stop);
                await mirror.CleanAsync(stop);
                Console.WriteLine(
                    $"bundles and app layers gave {freed >> 20} MiB back; checkouts are within their bounds"
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
