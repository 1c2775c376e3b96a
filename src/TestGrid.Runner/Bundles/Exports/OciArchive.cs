using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TestGrid.Runner.Bundles.Exports;

/// <summary>
/// One tar that is an OCI image layout (image-spec 1.0: <c>oci-layout</c>, <c>index.json</c>, blobs) and, by one file
/// more, an archive that <c>docker load</c> takes. The layer is not packed: packing programs differ, and its digest
/// shall not.
/// </summary>
internal sealed class OciArchive(BundleRecord bundle, string root, string image)
{
    private const string Manifest = "application/vnd.oci.image.manifest.v1+json";
    private const string Config = "application/vnd.oci.image.config.v1+json";
    private const string Layer = "application/vnd.oci.image.layer.v1.tar";
    private const string Path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private DateTimeOffset Created => DateTimeOffset.FromUnixTimeSeconds(bundle.Epoch);

    /// <param name="file">A new file.</param>
    /// <param name="pack">Writes the tree as a tar.</param>
    /// <param name="stop">Ends it.</param>
    /// <returns>The image's id.</returns>
    public async Task<string> WriteAsync(string file, Func<Stream, Task> pack, CancellationToken stop)
    {
        // A tar says how long a file is before the file.
        await using var layer = new FileStream(
            file + ".layer",
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Options = FileOptions.DeleteOnClose,
            }
        );
        await pack(layer);
        layer.Position = 0;
        var layerId = Convert.ToHexStringLower(await SHA256.HashDataAsync(layer, stop));
        layer.Position = 0;

        var config = Bytes(ConfigOf(layerId));
        var manifest = Bytes(ManifestOf(config, layerId, layer.Length));
        await using var output = new FileStream(file, FileMode.CreateNew);
        await using var tar = new TarWriter(output, TarEntryFormat.Ustar);
        await AddAsync(tar, "oci-layout", Bytes(new JsonObject { ["imageLayoutVersion"] = "1.0.0" }), stop);
        await AddAsync(tar, "index.json", Bytes(IndexOf(manifest)), stop);
        await AddAsync(tar, "manifest.json", Bytes(DockerOf(config, layerId)), stop);
        await AddAsync(tar, Blob(Hash(manifest)), manifest, stop);
        await AddAsync(tar, Blob(Hash(config)), config, stop);
        await AddAsync(tar, Blob(layerId), layer, stop);
        return "sha256:" + Hash(config);
    }

    private JsonObject ConfigOf(string layer) =>
        new()
        {
            ["created"] = Created.UtcDateTime,
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["config"] = new JsonObject
            {
                ["Env"] = new JsonArray($"PATH={Path}", "LANG=C.UTF-8"),
                ["Cmd"] = new JsonArray("/bin/bash"),
                ["User"] = HasUser("travis") ? "travis" : "",
                ["WorkingDir"] = HasUser("travis") ? "/home/travis" : "/",
                ["Labels"] = new JsonObject
                {
                    ["org.testgrid.bundle"] = bundle.Digest.ToString(),
                    ["org.testgrid.recipe"] = bundle.Name,
                },
            },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray("sha256:" + layer) },
            ["history"] = new JsonArray(
                new JsonObject
                {
                    ["created"] = Created.UtcDateTime,
                    ["created_by"] = $"testgrid bundle export {bundle.Name}",
                    ["comment"] = bundle.Digest.ToString(),
                }
            ),
        };

    private static JsonObject ManifestOf(byte[] config, string layer, long layerBytes) =>
        new()
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = Manifest,
            ["config"] = Named(Config, Hash(config), config.Length),
            ["layers"] = new JsonArray(Named(Layer, layer, layerBytes)),
        };

    private JsonObject IndexOf(byte[] manifest)
    {
        var named = Named(Manifest, Hash(manifest), manifest.Length);
        named["annotations"] = new JsonObject
        {
            ["org.opencontainers.image.ref.name"] = image[(image.LastIndexOf(':') + 1)..],
            ["io.containerd.image.name"] = image,
        };
        return new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(named) };
    }

    private JsonArray DockerOf(byte[] config, string layer) =>
        new(
            new JsonObject
            {
                ["Config"] = Blob(Hash(config)),
                ["RepoTags"] = new JsonArray(image),
                ["Layers"] = new JsonArray(Blob(layer)),
            }
        );

    private static JsonObject Named(string type, string hash, long bytes) =>
        new()
        {
            ["mediaType"] = type,
            ["digest"] = "sha256:" + hash,
            ["size"] = bytes,
        };

    private static string Blob(string hash) => "blobs/sha256/" + hash;

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static byte[] Bytes(JsonNode json) => JsonSerializer.SerializeToUtf8Bytes(json);

    private async Task AddAsync(TarWriter tar, string name, byte[] content, CancellationToken stop)
    {
        using var stream = new MemoryStream(content);
        await AddAsync(tar, name, stream, stop);
    }

    private async Task AddAsync(TarWriter tar, string name, Stream content, CancellationToken stop) =>
        await tar.WriteEntryAsync(
            new UstarTarEntry(TarEntryType.RegularFile, name)
            {
                Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
                ModificationTime = Created,
                DataStream = content,
            },
            stop
        );

    // The tree is not ours: a link for the file would be followed on this machine.
    private bool HasUser(string name)
    {
        var etc = new DirectoryInfo(System.IO.Path.Combine(root, "etc"));
        var users = new FileInfo(System.IO.Path.Combine(etc.FullName, "passwd"));
        return etc is { Exists: true, LinkTarget: null }
            && users is { Exists: true, LinkTarget: null }
            && File.ReadLines(users.FullName).Any(line => line.StartsWith(name + ":", StringComparison.Ordinal));
    }
}
