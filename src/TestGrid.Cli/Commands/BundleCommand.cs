using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid bundle …</c>: this machine's bundles.</summary>
internal static class BundleCommand
{
    public static Command Create() =>
        new("bundle", "this machine's bundles: list, build, verify") { List(), Build(), Verify() };

    private static Command List()
    {
        var json = Printed.JsonOption();
        var command = new Command("list", "the bundles that are built here") { json };
        command.SetAction(parsed =>
        {
            using var services = LocalServices.ForBundles();
            var all = services.GetRequiredService<BundleStore>().List();
            if (parsed.GetValue(json))
                return Printed.Lines(all);
            Printed.Table(
                ["bundle", "digest", "suite", "MiB"],
                all.Select(one => (string[])[one.Name, one.Digest.ToString(), one.Suite, $"{one.Bytes >> 20}"])
            );
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Build()
    {
        var recipe = new Argument<string>("RECIPE") { Description = "the recipe's name: base" };
        var command = new Command("build", "build a bundle now, if it is not here; prints its digest") { recipe };
        command.SetAction(
            async (parsed, stop) =>
            {
                await using var services = LocalServices.ForBundles();
                using var progress = new ProgressLine();
                using var bundle = await services
                    .GetRequiredService<BundleStore>()
                    .GetAsync(parsed.GetValue(recipe)!, progress, stop);
                progress.Clear();
                Console.WriteLine(bundle.Bundle.Digest);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Verify()
    {
        var digest = new Argument<string>("DIGEST") { Description = "the bundle's digest: sha256:…" };
        var command = new Command("verify", "read the whole tree again and compare it with its name") { digest };
        command.SetAction(
            async (parsed, stop) =>
            {
                if (!BundleDigest.TryParse(parsed.GetValue(digest), null, out var named))
                    throw new CommandException("a digest is sha256: and 64 hexadecimal digits", ExitCodes.Usage);
                await using var services = LocalServices.ForBundles();
                var differences = await services.GetRequiredService<BundleStore>().VerifyAsync(named, stop);
                foreach (var difference in differences)
                    Console.WriteLine(Printed.Plain(difference));
                Console.WriteLine(differences.IsEmpty ? $"{named.Short} is whole" : $"{named.Short} was changed");
                return differences.IsEmpty ? ExitCodes.Ok : ExitCodes.Broken;
            }
        );
        return command;
    }
}
