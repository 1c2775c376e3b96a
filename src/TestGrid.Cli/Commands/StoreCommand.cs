using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Runner.Bundles;
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
        var command = new Command("gc", "remove bundles that nothing names any more, and what crashes left behind");
        command.SetAction(
            async (parsed, stop) =>
            {
                await using var services = LocalServices.ForBundles();
                var bundles = services.GetRequiredService<BundleStore>();
                await bundles.SweepAsync(stop);
                var freed = await bundles.CleanAsync(stop);
                Console.WriteLine($"freed {freed >> 20} MiB");
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
