using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Facts;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid facts</c>: what a machine, a root filesystem or a bundle gives an application, as JSON.</summary>
internal static class FactsCommand
{
    public static Command Create()
    {
        var root = new Option<DirectoryInfo>("--root")
        {
            Description = "a root filesystem, of which only files are read: none of its programs runs",
        };
        root.AcceptExistingOnly();
        var bundle = new Option<string?>("--bundle")
        {
            Description = "a bundle of this machine's store: its name or its digest",
        };
        var to = new Option<FileInfo?>("--out") { Description = "the file to write (default: standard output)" };
        var script = new Option<bool>("--script")
        {
            Description =
                "print a POSIX sh script that tells the same of a machine where nothing is installed: sh facts.sh",
        };
        var command = new Command(
            "facts",
            "what this machine gives an application, as JSON: kernel, limits, packages, libraries, names of variables (never values)"
        )
        {
            root,
            bundle,
            to,
            script,
        };
        command.Validators.Add(result =>
        {
            if (
                new Option[] { root, bundle, script }.Count(option => result.GetResult(option) is { Implicit: false })
                > 1
            )
                result.AddError("--root, --bundle and --script: one of them at most");
        });
        command.SetAction(
            async (parsed, stop) =>
            {
                var text =
                    parsed.GetValue(script) ? FactsScript.Text
                    : parsed.GetValue(root) is { } folder ? FactsReader.OfRoot(folder.FullName)
                    : parsed.GetValue(bundle) is { } name ? await OfBundleAsync(name)
                    : FactsReader.OfHost();
                if (parsed.GetValue(to) is { } file)
                    await File.WriteAllTextAsync(file.FullName, text, stop);
                else
                    Console.Out.Write(text);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static async Task<string> OfBundleAsync(string name)
    {
        await using var services = LocalServices.ForBundles();
        var store = services.GetRequiredService<BundleStore>();
        var record = BundleCommand.Find(store, name);
        return store.FactsOf(record.Digest)
            ?? throw new CommandException(
                $"the bundle {record.Name} is no longer in the store: testgrid bundle build {record.Name}"
            );
    }
}
