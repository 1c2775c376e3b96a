using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace TestGrid.Tests.Support;

/// <summary>An image of a few small files, as it lies in a registry.</summary>
/// <param name="Blobs">Configurations and layers.</param>
/// <param name="Manifests">Each with its media type; the last is what the image is asked for by.</param>
public sealed record TestImage(byte[][] Blobs, (byte[] Bytes, string Type)[] Manifests)
{
    private const string Oci = "application/vnd.oci.image.";

    /// <summary>The digest that a reference names.</summary>
    public string Name => Digest(Manifests[^1].Bytes);

    public byte[] Layer => Blobs[^1];

    /// <summary>An image of one packed layer.</summary>
    public static TestImage Of(params (string Path, string Text)[] files)
    {
        var layer = Tar(files);
        var packed = Gzip(layer);
        var config = Json(
            new
            {
                architecture = "amd64",
                os = "linux",
                rootfs = new { type = "layers", diff_ids = new[] { Digest(layer) } },
            }
        );
        return new TestImage([config, packed], [(Manifest(config, packed), Oci + "manifest.v1+json")]);
    }

    /// <summary>A list: this image for linux/amd64, and another for another machine.</summary>
    public TestImage Listed(TestImage other)
    {
        var index = Json(
            new
            {
                schemaVersion = 2,
                mediaType = Oci + "index.v1+json",
                manifests = new[]
                {
                    Described(other.Manifests[^1].Bytes, Oci + "manifest.v1+json", "arm64"),
                    Described(Manifests[^1].Bytes, Oci + "manifest.v1+json", "amd64"),
                },
            }
        );
        return new TestImage(
            [.. Blobs, .. other.Blobs],
            [.. Manifests, .. other.Manifests, (index, Oci + "index.v1+json")]
        );
    }

    /// <summary>Its layout's folder, for who reads that.</summary>
    public void WriteLayout(string folder)
    {
        var blobs = Directory.CreateDirectory(Path.Combine(folder, "blobs", "sha256")).FullName;
        foreach (var blob in Blobs.Concat(Manifests.Select(one => one.Bytes)))
            File.WriteAllBytes(Path.Combine(blobs, Digest(blob)["sha256:".Length..]), blob);
        var top = Manifests[^1].Bytes;
        File.WriteAllBytes(
            Path.Combine(folder, "index.json"),
            Json(new { manifests = new[] { new { digest = Digest(top), size = top.Length } } })
        );
    }

    public static string Digest(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    public static byte[] Tar(params (string Path, string Text)[] files)
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, TarEntryFormat.Pax))
        {
            foreach (var (path, text) in files)
            {
                tar.WriteEntry(
                    new PaxTarEntry(TarEntryType.RegularFile, path)
                    {
                        DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)),
                        ModificationTime = DateTimeOffset.UnixEpoch,
                    }
                );
            }
        }
        return bytes.ToArray();
    }

    public static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(bytes);
        return packed.ToArray();
    }

    private static byte[] Manifest(byte[] config, byte[] layer) =>
        Json(
            new
            {
                schemaVersion = 2,
                mediaType = Oci + "manifest.v1+json",
                config = Described(config, Oci + "config.v1+json", null),
                layers = new[] { Described(layer, Oci + "layer.v1.tar+gzip", null) },
            }
        );

    private static Dictionary<string, object> Described(byte[] blob, string type, string? architecture)
    {
        var words = new Dictionary<string, object>
        {
            ["mediaType"] = type,
            ["digest"] = Digest(blob),
            ["size"] = blob.Length,
        };
        if (architecture is not null)
            words["platform"] = new { os = "linux", architecture };
        return words;
    }

    private static byte[] Json<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value);
}
