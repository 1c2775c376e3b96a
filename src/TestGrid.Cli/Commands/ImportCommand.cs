using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Imports;

namespace TestGrid.Cli.Commands;

/// <summary>
/// <c>testgrid bundle import</c>: an image or a tar of others becomes a bundle here, without a lock; an image may come
/// from its registry.
/// </summary>
internal static class ImportCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE")
        {
            Description =
                "an image's archive, an OCI layout's folder, a tar; or image:HOST/NAME@sha256:DIGEST of a registry",
        };
        file.Validators.Add(result =>
        {
            var given = result.GetValueOrDefault<string>() ?? "";
            if (!IsImage(given) && !Path.Exists(given))
                result.AddError($"there is no {given}");
            else if (IsImage(given) && BundleForm.Read(given, out var problem) is null)
                result.AddError($"{given}: {problem}");
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
                var given = parsed.GetValue(file)!;
                await using var services = LocalServices.ForBundles();
                var import = ActivatorUtilities.CreateInstance<BundleImport>(services);
                using var progress = new ProgressLine();
                BundleRecord record;
                if (BundleForm.Read(given, out _) is BundleForm.Image(var image))
                {
                    var logins = new RegistryLogins(Environment.GetEnvironmentVariable(RegistryLogins.Variable));
                    record = await import.PullAsync(
                        image,
                        logins,
                        parsed.GetValue(name) ?? image.Name,
                        isTrusted: true,
                        progress,
                        stop
                    );
                }
                else
                {
                    var path = Path.GetFullPath(given);
                    var called =
                        parsed.GetValue(name)
                        ?? Path.GetFileName(path.TrimEnd('/')).Split(".tar")[0].ToLowerInvariant();
                    record = await import.ImportAsync(path, Format(parsed.GetValue(format)), called, progress, stop);
                }
                progress.Clear();
                if (parsed.GetValue(json))
                    return Printed.Lines([record]);
                Console.WriteLine(record.Digest);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static bool IsImage(string given) => given.StartsWith("image:", StringComparison.Ordinal);

    private static ImportFormat? Format(string? word) =>
        word switch
        {
            "docker-archive" => ImportFormat.DockerArchive,
            "oci" => ImportFormat.Oci,
            "tar" => ImportFormat.Tar,
            _ => null,
        };
}
