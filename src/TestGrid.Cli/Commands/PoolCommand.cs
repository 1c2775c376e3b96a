using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Runner.Bundles;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid pool …</c>: the packages of this machine's locks, carried to another machine.</summary>
internal static class PoolCommand
{
    public static Command Create() => new("pool", "the packages that locks name, kept by hash") { Export(), Import() };

    private static Command Export()
    {
        var file = new Argument<FileInfo>("FILE") { Description = "the tar to write" };
        var names = new Argument<string[]>("RECIPE") { Description = "recipes' names; none means all" };
        names.Arity = ArgumentArity.ZeroOrMore;
        var recipes = LockCommands.RecipesOption();
        var command = new Command("export", "write every package of these recipes' locks into one tar")
        {
            file,
            names,
            recipes,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                await using var services = LocalServices.ForBundles(parsed.GetValue(recipes));
                var locks = services.GetRequiredService<BundleLocks>();
                string[] wanted = parsed.GetValue(names) is { Length: > 0 } some ? some : [.. locks.Recipes];
                var target = parsed.GetValue(file)!.FullName;
                var beside = target + ".part";
                try
                {
                    await using (var output = File.Create(beside))
                    {
                        var count = await locks.ExportAsync(wanted, output, stop);
                        Console.WriteLine($"{count} packages, {output.Length >> 20} MiB");
                    }
                    File.Move(beside, target, overwrite: true);
                }
                finally
                {
                    File.Delete(beside);
                }
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Import()
    {
        var file = new Argument<FileInfo>("FILE") { Description = "a tar that pool export wrote" };
        file.AcceptExistingOnly();
        var command = new Command("import", "take the packages of such a tar; each must be what its hash says")
        {
            file,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                await using var services = LocalServices.ForBundles();
                await using var input = parsed.GetValue(file)!.OpenRead();
                var count = await services.GetRequiredService<BundleLocks>().ImportAsync(input, stop);
                Console.WriteLine($"{count} packages");
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
