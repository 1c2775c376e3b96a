using System.IO.Compression;
using System.Text.Json;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>The other half of <see cref="BundleSupplier"/>: what this machine's store gives to runners elsewhere.</summary>
public sealed class BundleShipping(BundleStore store, IOptions<BundleOptions> options) : IDisposable
{
    // A packing takes a processor; whoever comes third waits for it, and is no slower for that.
    private readonly SemaphoreSlim atOnce = new(2);
    private readonly IdRange range = new(options.Value.IdBase);

    /// <summary>The recipe's bundle in JSON; null when it is not here, and then it is not built for this.</summary>
    public byte[]? Describe(string recipe) => store.DigestOf(recipe) is { } digest ? Describe(digest) : null;

    /// <summary>The bundle in JSON; null when it is not here.</summary>
    public byte[]? Describe(BundleDigest digest) =>
        store.RecordOf(digest) is { } record
            ? JsonSerializer.SerializeToUtf8Bytes(record, BundleJson.Default.BundleRecord)
            : null;

    /// <summary>Whether there is such a part of it: what an older version built has no lock.</summary>
    public static bool Has(BundleLease lease, string part) =>
        part is BundleSupplier.Manifest or BundleSupplier.Tree
        || (part is BundleSupplier.Lock && File.Exists(LockOf(lease)));

    /// <summary>Writes a part of the bundle (see <see cref="BundleSupplier"/>), which is in use until it is written.</summary>
    public async Task WriteAsync(BundleLease lease, string part, Stream output, CancellationToken stop)
    {
        if (part == BundleSupplier.Manifest)
        {
            await using var kept = File.OpenRead(Path.Combine(lease.Bundle.RootPath, "..", "manifest.gz"));
            await kept.CopyToAsync(output, stop);
            return;
        }
        if (part == BundleSupplier.Lock)
        {
            await using var kept = File.OpenRead(LockOf(lease));
            await using var packed = new GZipStream(output, CompressionLevel.Fastest, leaveOpen: true);
            await kept.CopyToAsync(packed, stop);
            return;
        }
        await atOnce.WaitAsync(stop);
        try
        {
            await using var gzip = new GZipStream(output, CompressionLevel.Fastest, leaveOpen: true);
            await BundleArchive.PackAsync(range, lease.Bundle.RootPath, gzip, stop);
        }
        finally
        {
            atOnce.Release();
        }
    }

    public void Dispose() => atOnce.Dispose();

    private static string LockOf(BundleLease lease) => Path.Combine(lease.Bundle.RootPath, "..", "lock.json");
}
