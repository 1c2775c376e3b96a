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
    /// <param name="format">What to write.</param>
    /// <param name="file">Where; what stands there is replaced when all is written.</param>
    /// <param name="image">An image's name and tag.</param>
    /// <param name="stop">Ends it; nothing is left.</param>
    /// <exception cref="BundleException">A program is missing, or the disk is full; the message says what mends it.</exception>
    public async Task<BundleExported> WriteAsync(
        BundleRecord bundle,
        ExportFormat format,
        string file,
        string image,
        CancellationToken stop
    )
    {
        await using var lease =
            store.Find(bundle.Digest) ?? throw new BundleException($"Bundle {bundle.Digest.Short} is no longer here.");
        var target = Path.GetFullPath(file);
        var beside = $"{target}.{RandomNumberGenerator.GetHexString(12, lowercase: true)}.part";
        try
        {
            string? id = null;
            switch (format)
            {
                case ExportFormat.Oci:
                    id = await new OciArchive(bundle, lease.Bundle.RootPath, image).WriteAsync(
                        beside,
                        output => BundleArchive.PackAsync(range, lease.Bundle.RootPath, output, stop),
                        stop
                    );
                    break;
                case ExportFormat.Rootfs:
                    await PackAsync(lease, beside, PackingOf(target), stop);
                    break;
                case ExportFormat.Squashfs:
                    await PackAsync(lease, beside, Squashfs(beside, bundle.Epoch), stop);
                    break;
                default:
                    await ErofsImage.WriteAsync(range, bundle, lease.Bundle.RootPath, beside, stop);
                    break;
            }
            await using var written = File.OpenRead(beside);
            var sum = Convert.ToHexStringLower(await SHA256.HashDataAsync(written, stop));
            File.Move(beside, target, overwrite: true);
            return new BundleExported(
                bundle.Digest,
                format,
                target,
                written.Length,
                sum,
                id,
                id is null ? null : image
            );
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

    /// <summary>How the name of a file of this format ends.</summary>
    public static string EndingOf(ExportFormat format) =>
        format switch
        {
            ExportFormat.Oci => ".oci.tar",
            ExportFormat.Rootfs => ".tar.zst",
            ExportFormat.Squashfs => ".squashfs",
            _ => ".erofs",
        };

    private async Task PackAsync(BundleLease lease, string beside, string[] packing, CancellationToken stop)
    {
        if (packing.Length == 0)
        {
            await using var plain = new FileStream(beside, FileMode.CreateNew);
            await BundleArchive.PackAsync(range, lease.Bundle.RootPath, plain, stop);
            return;
        }
        await using var program = PackingProgram.Start(packing, packing[0] == "mksquashfs" ? null : beside);
        try
        {
            await BundleArchive.PackAsync(range, lease.Bundle.RootPath, program.Input, stop);
        }
        catch (IOException) { } // it ended before it had read all: what it said tells why
        await program.FinishAsync(stop);
    }

    private static string[] PackingOf(string target) =>
        target.EndsWith(".zst", StringComparison.Ordinal) ? ["zstd", "-3", "--quiet", "--threads=0", "--stdout"]
        : target.EndsWith(".gz", StringComparison.Ordinal) ? ["gzip", "--no-name"]
        : [];

    private static string[] Squashfs(string beside, long epoch) =>
        [
            "mksquashfs",
            "-",
            beside,
            "-tar",
            "-quiet",
            "-no-progress",
            "-comp",
            "zstd",
            "-Xcompression-level",
            "3",
            "-mkfs-time",
            $"{epoch}",
            "-all-time", // else the root folder has the time of now: its -root-time does nothing to a tar (4.5.1)
            $"{epoch}",
            "-root-mode",
            "755",
        ];
}
