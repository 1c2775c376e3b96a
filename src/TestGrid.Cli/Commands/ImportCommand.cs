using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Runner.Bundles.Imports;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid bundle import</c>: an image or a tar of others becomes a bundle here, without a lock.</summary>
internal static class ImportCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE")
        {
            Description = "an image's archive, an OCI layout's folder, or a tar",
        };
        file.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } given && !Path.Exists(given))
                result.AddError($"there is no {given}");
        });
        var format = new Option<string?>("--as")
        {
            Description = "what it is (default: as its first entry says)",
            HelpName = "docker-archive|oci|tar",
        };
        format.AcceptOnlyFromAmong("docker-archive", "oci", "tar");
        var name = new Option<string?>("--name")
        {
            Description = "the bundle's name (default: the file's, without its ending)",
        };
        var json = Printed.JsonOption();
        var command = new Command("import", "take an image or a tar into the store, unlocked")
        {
            file,
            format,
            name,
            json,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                await using var services = LocalServices.ForBundles();
                var path = Path.GetFullPath(parsed.GetValue(file)!);
                var called =
                    parsed.GetValue(name) ?? Path.GetFileName(path.TrimEnd('/')).Split(".tar")[0].ToLowerInvariant();
                ImportFormat? wanted = parsed.GetValue(format) switch
                {
                    "docker-archive" => ImportFormat.DockerArchive,
                    "oci" => ImportFormat.Oci,
                    "tar" => ImportFormat.Tar,
                    _ => null,
                };
                var import = ActivatorUtilities.CreateInstance<BundleImport>(services);
                using var progress = new ProgressLine();
                var record = await import.ImportAsync(path, wanted, called, progress, stop);
                progress.Clear();
                if (parsed.GetValue(json))
                    return Printed.Lines([record]);
                Console.WriteLine(record.Digest);
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
