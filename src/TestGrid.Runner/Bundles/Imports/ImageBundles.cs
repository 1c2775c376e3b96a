using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles.Imports;

/// <summary>
/// Images as bundles: there already, or pulled and taken in now, once for all who ask. What an image's digest became is
/// kept in mind, and by whom it may be read: a private one is nobody else's.
/// </summary>
public sealed class ImageBundles(IOptions<BundleOptions> options, TimeProvider time)
{
    private readonly BundleShelf shelf = new(options.Value, new LockShelf(options.Value), time);
    private readonly BundleImport import = new(options, time);
    private readonly SharedBuilds builds = new();

    /// <summary>The bundle of a registry's image.</summary>
    /// <exception cref="BundleException">It cannot be had; the message says what mends it.</exception>
    public ValueTask<BundleLease> GetAsync(
        ImageReference image,
        RegistryLogins logins,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    ) =>
        GetAsync(
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
        var path = PlainPath(checkout, archive);
        var format = archive.IsOci ? ImportFormat.Oci : ImportFormat.DockerArchive;
        // A layout's index names all that is in it by digest, and each of those is compared when it is taken in.
        var deciding = Directory.Exists(path) ? PlainPath(checkout, archive, "index.json") : path;
        await using var file = File.OpenRead(deciding);
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(file, stop));
        return await GetAsync(
            $"{format}\n{hash}",
            (heard, end) =>
                import.ImportAsync(path, format, BundleForm.NameOf(Path.GetFileNameWithoutExtension(path)), heard, end),
            keep: true,
            progress,
            stop
        );
    }

    private async ValueTask<BundleLease> GetAsync(
        string source,
        Func<IProgress<BundleProgress>, CancellationToken, Task<BundleRecord>> make,
        bool keep,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        while (true)
        {
            if (keep && shelf.TryLeaseOf(source) is { } lease)
                return lease;
            await builds.JoinAsync(source, MakeAsync, progress, stop);
        }

        async Task MakeAsync(IProgress<BundleProgress> heard, CancellationToken end)
        {
            var key = Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(source)));
            await using var ours = await FileLock.HoldAsync(
                shelf.LockOf($"source-{key}"),
                time,
                () => heard.Report(new BundleProgress("image", 0, "another process is taking it in")),
                end
            );
            if (shelf.TryLeaseOf(source) is { } made)
                await made.DisposeAsync();
            else
                shelf.Remember(source, await make(heard, end));
        }
    }

    // Nothing on the way may be a link: a checkout is a stranger's, and this machine's files are not his.
    private static string PlainPath(string checkout, BundleForm.Archive archive, string? below = null)
    {
        var path = checkout;
        var words = archive.Path.TrimEnd('/').Split('/');
        foreach (var word in below is null ? words : [.. words, below])
        {
            path = Path.Combine(path, word);
            FileSystemInfo found = Directory.Exists(path) ? new DirectoryInfo(path) : new FileInfo(path);
            if (!found.Exists)
                throw new BundleException(
                    $"There is no {Path.GetRelativePath(checkout, path)} in the repository at this commit, which bundle: "
                        + $"{archive.Path} means. Is it kept out of the commit, or elsewhere?"
                );
            if (found.LinkTarget is not null || (found.Attributes & FileAttributes.Device) != 0)
                throw new BundleException(
                    $"{Path.GetRelativePath(checkout, path)} in the repository is a link: a bundle's file must be itself there."
                );
        }
        return path;
    }
}
