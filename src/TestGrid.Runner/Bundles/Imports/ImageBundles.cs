using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles.Imports;

/// <summary>
/// Images as bundles: there already, or pulled and taken in now, once for all who ask. What an image's digest became is
/// kept in mind, and by whom it may be read: a private one is nobody else's.
/// </summary>
public sealed class ImageBundles(IOptions<BundleOptions> options, TimeProvider time)
{
    private readonly KeptSources sources = new(options.Value, time);
    private readonly BundleImport import = new(options, time);

    /// <summary>The bundle of a registry's image.</summary>
    /// <exception cref="BundleException">It cannot be had; the message says what mends it.</exception>
    public ValueTask<BundleLease> GetAsync(
        ImageReference image,
        RegistryLogins logins,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    ) =>
        sources.GetAsync(
            $"image\n{image.Registry}/{image.Repository}@{image.Digest}\n{logins.For(image.Registry)}",
            (heard, end) => import.PullAsync(image, logins, image.Name, isTrusted: false, heard, end),
            keep: image.Digest is not null,
            progress,
            stop
        );

    /// <summary>The bundle of an image that lies in a checkout.</summary>
    /// <param name="checkout">Its folder, of a stranger's making.</param>
    /// <exception cref="BundleException">It is not there, or cannot be had; the message says what mends it.</exception>
    public async ValueTask<BundleLease> GetAsync(
        string checkout,
        BundleForm.Archive archive,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        var path = CheckoutPath.Of(checkout, archive.Path);
        var format = archive.IsOci ? ImportFormat.Oci : ImportFormat.DockerArchive;
        // A layout's index names all that is in it by digest, and each of those is compared when it is taken in.
        var deciding = Directory.Exists(path)
            ? CheckoutPath.Of(checkout, archive.Path.TrimEnd('/') + "/index.json")
            : path;
        await using var file = File.OpenRead(deciding);
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(file, stop));
        return await sources.GetAsync(
            $"{format}\n{hash}",
            (heard, end) =>
                import.ImportAsync(path, format, BundleForm.NameOf(Path.GetFileNameWithoutExtension(path)), heard, end),
            keep: true,
            progress,
            stop
        );
    }
}
