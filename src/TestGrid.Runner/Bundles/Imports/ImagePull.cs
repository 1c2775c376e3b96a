using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles.Imports;

/// <summary>
/// Pulls one image for linux/amd64 as an OCI layout, without a daemon. The registry is a stranger: nothing is taken that
/// has not the digest and the size by which it was asked for.
/// </summary>
/// <param name="options">The registries that may be private, and the proxy.</param>
/// <param name="time">For patience.</param>
/// <param name="isTrusted">Whether a person at this machine names the registry, and no repository.</param>
internal sealed class ImagePull(BundleOptions options, TimeProvider time, bool isTrusted)
{
    private const long MostManifest = 4 << 20;
    private const int MostLayers = 500;
    private const int Tries = 3;

    private static readonly string[] Manifests =
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ];

    private static readonly string[] Anything = ["*/*"];

    /// <param name="image">With its digest.</param>
    /// <param name="logins">Who may read it.</param>
    /// <param name="folder">An empty folder; gets the layout.</param>
    /// <param name="most">Bytes that all of it may have, packed.</param>
    /// <param name="progress">Hears how far it is.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="BundleException">It cannot be had, or is refused; the message says why.</exception>
    public async Task PullAsync(
        ImageReference image,
        RegistryLogins logins,
        string folder,
        long most,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        using var http = Open(image, logins);
        if (image.Digest is not { } digest)
            throw new BundleException(await TagOnlyAsync(http, image, stop));
        var blobs = Directory.CreateDirectory(Path.Combine(folder, "blobs", "sha256")).FullName;
        try
        {
            var (bytes, manifest) = await ManifestAsync(http, image, digest, blobs, stop);
            await File.WriteAllTextAsync(Path.Combine(folder, "index.json"), Index(digest, bytes), stop);
            for (var depth = 0; manifest.TryGetProperty("manifests", out var all); depth++)
            {
                JsonElement[] mine = [.. all.EnumerateArray().Where(ImageArchive.IsForHere)];
                if (depth > 2 || mine.Length != 1)
                    throw new BundleException(
                        $"{image} holds {mine.Length} images for linux/amd64, and one is taken. Remedy: write the digest of one."
                    );
                (_, manifest) = await ManifestAsync(http, image, DigestOf(image, mine[0]), blobs, stop);
            }
            if (!manifest.TryGetProperty("layers", out var layers))
                throw new BundleException($"{image} is refused: its manifest is of a kind that is not known here.");
            JsonElement[] parts = [manifest.GetProperty("config"), .. layers.EnumerateArray()];
            await BlobsAsync(http, image, parts, blobs, most, progress, stop);
        }
        catch (Exception e)
            when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new BundleException($"{image} is refused: its manifest cannot be read: {e.Message}", e);
        }
    }

    private RegistryHttp Open(ImageReference image, RegistryLogins logins)
    {
        var addresses = new RegistryAddresses(options.Registries);
        if (isTrusted)
            addresses.Trust(image.Registry);
        return new RegistryHttp(
            addresses.Of(image.Registry),
            addresses,
            logins.For(image.Registry),
            options.Proxy,
            time
        );
    }

    private async Task BlobsAsync(
        RegistryHttp http,
        ImageReference image,
        JsonElement[] parts,
        string blobs,
        long most,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        var wanted = parts
            .Select(part => (Digest: DigestOf(image, part), Size: part.GetProperty("size").GetInt64()))
            .Distinct()
            .ToArray();
        if (wanted.Length > MostLayers || wanted.Any(one => one.Size is < 0 or > 1L << 40))
            throw new BundleException($"{image} is refused: it has too many layers, or sizes that cannot be.");
        var all = wanted.Sum(one => one.Size);
        if (all > most)
            throw new BundleException(
                $"{image} has {all >> 20} MiB, and {most >> 20} MiB may be taken here. Remedy: make room, or raise Bundles:MaxBytes."
            );
        var (done, told) = (0L, -1L);
        foreach (var (digest, size) in wanted)
        {
            await BlobAsync(http, image, (digest, size), Path.Combine(blobs, digest.Hex), Tell, stop);
            done += size;
        }

        void Tell(long bytes)
        {
            var now = (done + bytes) * 50 / Math.Max(1, all);
            if (now == told)
                return;
            told = now;
            var phase = string.Create(
                CultureInfo.InvariantCulture,
                $"pulling it from {image.Registry}: {(done + bytes) >> 20} of {all >> 20} MiB"
            );
            progress.Report(new BundleProgress(image.Name, (int)now, phase));
        }
    }

    private async Task<(long Bytes, JsonElement Json)> ManifestAsync(
        RegistryHttp http,
        ImageReference image,
        BundleDigest digest,
        string blobs,
        CancellationToken stop
    )
    {
        var file = Path.Combine(blobs, digest.Hex);
        await SaveAsync(http, image, $"manifests/{digest}", Manifests, (digest, null), file, null, stop);
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(file, stop));
        return (new FileInfo(file).Length, json.RootElement.Clone());
    }

    private Task BlobAsync(
        RegistryHttp http,
        ImageReference image,
        (BundleDigest Digest, long Size) blob,
        string file,
        Action<long> progress,
        CancellationToken stop
    ) => SaveAsync(http, image, $"blobs/{blob.Digest}", Anything, (blob.Digest, blob.Size), file, progress, stop);

    private async Task SaveAsync(
        RegistryHttp http,
        ImageReference image,
        string what,
        string[] accept,
        (BundleDigest Digest, long? Size) wanted,
        string file,
        Action<long>? progress,
        CancellationToken stop
    )
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                using var answer = await http.GetAsync(
                    $"/v2/{image.Repository}/{what}",
                    image.Repository,
                    accept,
                    stop
                );
                CheckAnswer(http, image, answer);
                await using var to = File.Create(file);
                await RegistryBody.CopyAsync(answer, to, wanted.Size ?? MostManifest, time, progress, stop);
                to.Position = 0;
                if (wanted.Size is { } size && to.Length != size)
                    throw new IOException($"{wanted.Digest.Short} has {to.Length} bytes, and {size} are its size");
                var found = BundleDigest.Of(await SHA256.HashDataAsync(to, stop));
                if (found != wanted.Digest)
                    throw new BundleException(
                        $"{image.Registry} gives something else by {wanted.Digest}: it is {found}, and refused."
                    );
                return;
            }
            catch (Exception e) when (e is HttpRequestException or IOException && failures < Tries)
            {
                progress?.Invoke(0);
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                throw new BundleException(
                    $"{image} could not be pulled, {Tries} times: {e.Message}. Is {http.Registry.Authority} reachable from this machine?",
                    e
                );
            }
        }
    }

    private static void CheckAnswer(RegistryHttp http, ImageReference image, HttpResponseMessage answer)
    {
        if (answer.StatusCode is HttpStatusCode.NotFound)
            throw new BundleException($"{http.Registry.Authority} has no {image.Repository} of that digest or name.");
        if (answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
            throw http.NeedsLogin(image.Repository);
        if (answer.StatusCode is not HttpStatusCode.OK)
            throw new HttpRequestException($"{http.Registry.Authority} answers {(int)answer.StatusCode}");
    }

    // What it is today, so that a person has it to write.
    private async Task<string> TagOnlyAsync(RegistryHttp http, ImageReference image, CancellationToken stop)
    {
        var tag = image.Tag ?? "latest";
        var refused = $"image:{image} names what moves, and a bundle does not. ";
        try
        {
            using var answer = await http.GetAsync(
                $"/v2/{image.Repository}/manifests/{tag}",
                image.Repository,
                Manifests,
                stop
            );
            CheckAnswer(http, image, answer);
            using var body = new MemoryStream();
            await RegistryBody.CopyAsync(answer, body, MostManifest, time, null, stop);
            var digest = BundleDigest.Of(SHA256.HashData(body.ToArray()));
            return $"{refused}Remedy: write image:{image with { Tag = tag, Digest = digest }}, which it is now.";
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return $"{refused}Remedy: write its digest, image:{image}@sha256:…; the registry does not say it now: {e.Message}.";
        }
    }

    private static BundleDigest DigestOf(ImageReference image, JsonElement descriptor) =>
        BundleDigest.TryParse(descriptor.GetProperty("digest").GetString(), null, out var digest)
            ? digest
            : throw new BundleException(
                $"{image} is refused: a digest in it is not sha256: and 64 hexadecimal digits."
            );

    private static string Index(BundleDigest digest, long bytes) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $$"""{"schemaVersion":2,"manifests":[{"digest":"{{digest}}","size":{{bytes}}}]}"""
        );
}
