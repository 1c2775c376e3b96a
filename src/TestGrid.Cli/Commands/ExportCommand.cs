using System.CommandLine;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Exports;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid bundle export</c>: a bundle for machines without TestGrid.</summary>
internal static class ExportCommand
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(250);

    public static Command Create()
    {
        var bundle = BundleCommand.Named("BUNDLE");
        var format = new Option<ExportFormat>("--as")
        {
            Description =
                "oci: an image for docker, podman and containerd; rootfs: a tar; squashfs or erofs: an image to mount; "
                + "run: one file that starts it on any Linux machine, as root or not",
            Required = true,
            HelpName = "oci|rootfs|squashfs|erofs|run",
        };
        var output = new Option<string?>("--output", "-o")
        {
            Description = "the file to write (default: the bundle's name and digest, in this folder)",
            HelpName = "FILE",
        };
        var name = new Option<string?>("--name")
        {
            Description = "an image's name and tag (default: testgrid/BUNDLE and the digest's beginning)",
            HelpName = "NAME:TAG",
        };
        name.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } given && !IsImageName(given))
                result.AddError($"'{given}' is no image's name: write it as team/python:3.11");
        });
        var app = new Option<DirectoryInfo?>("--app")
        {
            Description = "with --as run: a folder that goes into the file too, and is /app inside",
            HelpName = "DIR",
        };
        app.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<DirectoryInfo?>() is { Exists: false } missing)
                result.AddError($"there is no folder {missing.FullName}");
        });
        var start = new Option<string?>("--command")
        {
            Description = "with --as run: what the file starts, in /app, as sh reads it (default: a shell)",
            HelpName = "COMMAND",
        };
        var json = Printed.JsonOption();
        var command = new Command("export", "write a bundle for machines without TestGrid")
        {
            bundle,
            format,
            output,
            name,
            app,
            start,
            json,
        };
        command.Validators.Add(result =>
        {
            if (
                result.GetValue(format) != ExportFormat.Run
                && (result.GetResult(app) is not null || result.GetResult(start) is not null)
            )
                result.AddError("--app and --command go into a file that starts: with --as run");
        });
        command.SetAction(
            async (parsed, stop) =>
            {
                await using var services = LocalServices.ForBundles();
                var store = services.GetRequiredService<BundleStore>();
                var record = BundleCommand.Find(store, parsed.GetValue(bundle)!);
                var wanted = parsed.GetValue(format);
                var file =
                    parsed.GetValue(output) ?? $"{record.Name}-{record.Digest.Short}{BundleExport.EndingOf(wanted)}";
                var image = parsed.GetValue(name) ?? $"testgrid/{record.Name}:{record.Digest.Short}";
                var exports = ActivatorUtilities.CreateInstance<BundleExport>(services);
                using var progress = new ProgressLine();
                var application = new RunApplication(parsed.GetValue(app)?.FullName, parsed.GetValue(start));
                var writing =
                    wanted == ExportFormat.Run
                        ? exports.WriteRunAsync(record, application, file, progress, stop)
                        : exports.WriteAsync(record, wanted, file, image, stop);
                var written = await WatchedAsync(file, writing);
                if (parsed.GetValue(json))
                    return Printed.Lines([written]);
                Console.WriteLine($"{written.File}  {written.Bytes >> 20} MiB  sha256:{written.Sha256}");
                Console.WriteLine($"bundle {written.Bundle}");
                if (written.Image is { } id)
                    Console.WriteLine($"image  {written.Name}  {id}");
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    // The form that Docker takes: lower case, with a tag.
    private static bool IsImageName(string text) =>
        System.Text.RegularExpressions.Regex.IsMatch(
            text,
            @"\A[a-z0-9]+([._/-][a-z0-9]+)*(:[0-9]+/[a-z0-9]+([._/-][a-z0-9]+)*)?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\z"
        );

    private static async Task<BundleExported> WatchedAsync(string file, Task<BundleExported> writing)
    {
        if (Console.IsErrorRedirected)
            return await writing;
        var begun = Stopwatch.GetTimestamp();
        while (await Task.WhenAny(writing, Task.Delay(Moment, TimeProvider.System, CancellationToken.None)) != writing)
            Console.Error.Write($"\r\e[K{Printed.Plain(file)}: {Stopwatch.GetElapsedTime(begun).TotalSeconds:0} s");
        Console.Error.Write("\r\e[K");
        return await writing;
    }
}
