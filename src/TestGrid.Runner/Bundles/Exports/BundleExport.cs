using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles.Exports;

/// <summary>What a bundle is written as, for machines without TestGrid.</summary>
public enum ExportFormat
{
    /// <summary>A tar that is an OCI image layout and a Docker archive at once: one layer, the tree.</summary>
    Oci,

    /// <summary>A tar of the tree; packed as its name ends: <c>.tar.zst</c>, <c>.tar.gz</c>, else not at all.</summary>
    Rootfs,

    /// <summary>A squashfs image, packed with zstd.</summary>
    Squashfs,

    /// <summary>An EROFS image, not packed: mounted at once, and read at full speed.</summary>
    Erofs,

    /// <summary>One executable file that starts the bundle on any Linux machine of its architecture.</summary>
    Run,
}

/// <summary>One file that was written.</summary>
/// <param name="Bundle">Whose tree it holds.</param>
/// <param name="Format">How.</param>
/// <param name="File">Its path.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Of the file, as 64 hexadecimal digits.</param>
/// <param name="Image">Of an image: its id, as <c>docker inspect</c> gives it.</param>
/// <param name="Name">Of an image: its name and tag.</param>
public sealed record BundleExported(
    BundleDigest Bundle,
    ExportFormat Format,
    string File,
    long Bytes,
    string Sha256,
    string? Image = null,
    string? Name = null
);

/// <summary>
/// Writes bundles for other programs. The same bundle gives the same bytes with the same packing programs, and inside
/// each the tree has the bundle's digest. <c>docs/bundles.md</c> says how a receiver checks that.
/// </summary>
public sealed class BundleExport(IOptions<BundleOptions> options, BundleStore store)
{
    private readonly IdRange range = new(options.Value.IdBase);

    /// <param name="bundle">The bundle; kept in use meanwhile.</param>
    /// <param name="format">What to write: not <see cref="ExportFormat.Run"/>.</param>
    /// <param name="file">Where; what stands there is replaced when all is written.</param>
    /// <param name="image">An image's name and tag.</param>
    /// <param name="stop">Ends it; nothing is left.</param>
    /// <exception cref="BundleException">A program is missing, or the disk is full; the message says what mends it.</exception>
    public Task<BundleExported> WriteAsync(
        BundleRecord bundle,
        ExportFormat format,
        string file,
        string image,
        CancellationToken stop
    ) =>
        WriteAsync(
            bundle,
            format,
            file,
            async (root, beside) =>
            {
                switch (format)
                {
                    case ExportFormat.Oci:
                        var id = await new OciArchive(bundle, root, image).WriteAsync(
                            beside,
                            output => BundleArchive.PackAsync(range, root, output, stop),
                            stop
                        );
                        return new Image(id, image);
                    case ExportFormat.Rootfs:
                        await PackAsync(root, beside, PackingOf(file), stop);
                        break;
                    case ExportFormat.Squashfs:
                        await SquashfsImage.WriteAsync(range, root, bundle.Epoch, beside, stop);
                        break;
                    case ExportFormat.Erofs:
                        await ErofsImage.WriteAsync(range, bundle, root, beside, stop);
                        break;
                    default:
                        throw new ArgumentOutOfRangeException(nameof(format), format, "has a way of its own");
                }
                return null;
            },
            stop
        );

    /// <summary>Writes a <c>.run</c> file; the bundle of its tools is built first where it is not here.</summary>
    /// <param name="bundle">The bundle; kept in use meanwhile.</param>
    /// <param name="application">What else is in the file, and what it starts.</param>
    /// <param name="file">Where; what stands there is replaced when all is written.</param>
    /// <param name="progress">Hears of the building.</param>
    /// <param name="stop">Ends it; nothing is left.</param>
    /// <exception cref="BundleException">As above; or the tools cannot be had, or the command is too long.</exception>
    public async Task<BundleExported> WriteRunAsync(
        BundleRecord bundle,
        RunApplication application,
        string file,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        await using var tools = await store.GetAsync(RunTools.Recipe, progress, stop);
        var toolsOf =
            store.RecordOf(tools.Bundle.Digest) ?? throw new BundleException($"Bundle {RunTools.Recipe} is damaged.");
        return await WriteAsync(
            bundle,
            ExportFormat.Run,
            file,
            async (root, beside) =>
            {
                var writer = new RunFile(range, bundle, root);
                await writer.WriteAsync(toolsOf, tools.Bundle.RootPath, application, beside, stop);
                return null;
            },
            stop
        );
    }

    /// <summary>How the name of a file of this format ends.</summary>
    public static string EndingOf(ExportFormat format) =>
        format switch
        {
            ExportFormat.Oci => ".oci.tar",
            ExportFormat.Rootfs => ".tar.zst",
            ExportFormat.Squashfs => ".squashfs",
            ExportFormat.Run => ".run",
            _ => ".erofs",
        };

    private async Task<BundleExported> WriteAsync(
        BundleRecord bundle,
        ExportFormat format,
        string file,
        Func<string, string, Task<Image?>> write,
        CancellationToken stop
    )
    {
        if (bundle.IsDraft)
            throw new BundleException(
                $"{bundle.Name} {bundle.Digest.Short} is a draft, and a draft is not given away. "
                    + $"Remedy: testgrid bundle build {bundle.Name}"
            );
        await using var lease =
            store.Find(bundle.Digest) ?? throw new BundleException($"Bundle {bundle.Digest.Short} is no longer here.");
        var target = Path.GetFullPath(file);
        var beside = $"{target}.{RandomNumberGenerator.GetHexString(12, lowercase: true)}.part";
        try
        {
            var image = await write(lease.Bundle.RootPath, beside);
            await using var written = File.OpenRead(beside);
            var sum = Convert.ToHexStringLower(await SHA256.HashDataAsync(written, stop));
            File.Move(beside, target, overwrite: true);
            return new BundleExported(bundle.Digest, format, target, written.Length, sum, image?.Id, image?.Name);
        }
        catch (IOException e)
        {
            throw new BundleException($"{target} cannot be written: {e.Message}", e);
        }
        finally
        {
            if (File.Exists(beside))
                File.Delete(beside);
        }
    }

    private async Task PackAsync(string root, string beside, string[] packing, CancellationToken stop)
    {
        if (packing.Length == 0)
        {
            await using var plain = new FileStream(beside, FileMode.CreateNew);
            await BundleArchive.PackAsync(range, root, plain, stop);
            return;
        }
        await using var program = PackingProgram.Start(packing, beside);
        try
        {
            await BundleArchive.PackAsync(range, root, program.Input, stop);
        }
        catch (IOException) { } // it ended before it had read all: what it said tells why
        await program.FinishAsync(stop);
    }

    private static string[] PackingOf(string target) =>
        target.EndsWith(".zst", StringComparison.Ordinal) ? ["zstd", "-3", "--quiet", "--threads=0", "--stdout"]
        : target.EndsWith(".gz", StringComparison.Ordinal) ? ["gzip", "--no-name"]
        : [];

    private sealed record Image(string Id, string Name);
}
