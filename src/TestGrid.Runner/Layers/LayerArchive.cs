using System.Security.Cryptography;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;

namespace TestGrid.Runner.Layers;

/// <summary>
/// A layer as a tar: what a sandbox changed, with what it deleted and replaced, in a form that gives the same bytes for
/// the same change. So its SHA-256 is the layer's name, and packing the unpacked tree again checks it.
/// </summary>
internal static class LayerArchive
{
    /// <summary>The attribute of a folder that hides the one below it (overlayfs, mounted with <c>userxattr</c>).</summary>
    public const string Opaque = "user.overlay.opaque";

    /// <summary>The words that pack folders of a sandbox, as root of its ids.</summary>
    /// <param name="at">The folder that they are in.</param>
    /// <param name="names">The folders.</param>
    /// <param name="without">Paths from there that are left out, with all below them.</param>
    public static IEnumerable<string> PackWords(string at, IEnumerable<string> names, IEnumerable<string> without) =>
        [
            "tar",
            "--create",
            "--format=posix",
            // The default name of these headers holds tar's process number.
            "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
            "--sort=name",
            "--numeric-owner",
            "--xattrs",
            "--xattrs-include=security.capability",
            $"--xattrs-include={Opaque}",
            "--anchored",
            "--no-wildcards",
            .. without.Select(path => $"--exclude={path}"),
            $"--directory={at}",
            "--",
            .. names,
        ];

    /// <summary>Unpacks a layer. See <see cref="BundleArchive.UnpackAsync"/>.</summary>
    /// <exception cref="BundleException">It cannot be unpacked.</exception>
    public static Task UnpackAsync(IdRange range, string archive, string root, string jail, CancellationToken stop) =>
        BundleArchive.UnpackAsync(range, archive, root, jail, stop, Opaque);

    /// <summary>The name by content of an unpacked layer.</summary>
    /// <exception cref="BundleException">It cannot be read.</exception>
    public static async Task<BundleDigest> DigestAsync(IdRange range, string root, CancellationToken stop)
    {
        using var hash = SHA256.Create();
        await using var hashing = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write);
        var names = Directory
            .GetDirectories(root)
            .Select(Path.GetFileName)
            .OfType<string>()
            .Order(StringComparer.Ordinal);
        await BundleArchive.PackAsync(range, PackWords(root, names, []), hashing, stop);
        await hashing.FlushFinalBlockAsync(stop);
        return BundleDigest.Of(hash.Hash);
    }
}
