using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Exports;
using TestGrid.Runner.Bundles.Imports;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

/// <summary>What others packed becomes a bundle, or is refused and leaves nothing.</summary>
public sealed class BundleImportTests : IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string StorePath => Path.Combine(folder.Path, "store");

    [Fact]
    public async Task An_export_comes_back_as_the_same_digest_unlocked()
    {
        await using var lease = await TestBundles.Store.GetAsync("run-tools", new Progress<BundleProgress>(), Stop);
        var record = TestBundles.Store.RecordOf(lease.Bundle.Digest)!;
        var options = Options.Create(new BundleOptions { RootPath = Path.Combine(TestBundles.CachePath, "bundles") });
        var exports = new BundleExport(options, TestBundles.Store);
        var image = Path.Combine(folder.Path, "image.tar");
        await exports.WriteAsync(record, ExportFormat.Oci, image, "testgrid/a:1", Stop);

        var imported = await ImportAsync(image, name: "came-back");

        Assert.Equal((record.Digest, "came-back", ""), (imported.Digest, imported.Name, imported.LockDigest));
        var store = TestBundles.StoreAt(StorePath);
        Assert.Equal([], await store.VerifyAsync(record.Digest, Stop));
        Assert.Equal(["came-back"], store.List().Select(one => one.Name));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(StorePath, "tmp")));
    }

    [Theory]
    [InlineData(ImportFormat.Oci, false)]
    [InlineData(ImportFormat.Oci, true)]
    [InlineData(ImportFormat.DockerArchive, false)]
    public async Task Layers_lie_upon_each_other_and_whiteouts_take_away(ImportFormat format, bool packed)
    {
        byte[][] layers =
        [
            Tar(
                Dir("etc"),
                Plain("etc/a", "1"),
                Plain("etc/b", "2"),
                Dir("opt"),
                Plain("opt/x", "3"),
                Plain("opt/y", "4"),
                Hard("etc/c", "etc/a")
            ),
            Tar(
                Plain("etc/.wh.b", ""),
                Plain("opt/new", "5"),
                Plain("opt/.wh..wh..opq", ""),
                Plain("etc/a", "6"),
                Link("to", "/etc/../../a")
            ),
        ];

        var imported = await ImportAsync(Image(format, layers, packed));

        var text = Encoding.UTF8.GetString(TestBundles.StoreAt(StorePath).ManifestOf(imported.Digest).Text.Span);
        string[] paths =
        [
            .. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ', 7)[6]),
        ];
        Assert.Equal(["etc", "etc/a", "etc/c", "opt", "opt/new", "to"], paths);
        Assert.Contains(Hash("6"u8.ToArray()), text, StringComparison.Ordinal);
        Assert.Contains(Hash("1"u8.ToArray()), text, StringComparison.Ordinal); // the hard link keeps what it had
    }

    [Fact]
    public async Task A_plain_tar_keeps_a_name_that_would_be_a_whiteout_in_a_layer()
    {
        var imported = await ImportAsync(
            Write(Tar(Dir("a"), Plain("a/.wh.b", "1"), Plain("a/b", "2"), Plain("dev/null", "x")))
        );

        var text = Encoding.UTF8.GetString(TestBundles.StoreAt(StorePath).ManifestOf(imported.Digest).Text.Span);
        Assert.Contains(" a/.wh.b\n", text, StringComparison.Ordinal);
        Assert.Contains(" a/b\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("dev", text, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Hostile =>
        new()
        {
            { "above", "leads elsewhere than it says" },
            { "absolute", "no path within the tree" },
            { "through a link", "nothing leads through a link" },
            { "through a link of a lower layer", "nothing leads through a link" },
            { "device", "a CharacterDevice is in no bundle" },
            { "hard link above", "which is no file here" },
            { "hard link to a link", "which is no file here" },
            { "whiteout of nothing", "it takes away no name" },
            { "whiteout of above", "it takes away no name" },
            { "whiteout as a folder", "a whiteout is no folder" },
            { "deep", "folders deep" },
            { "many", "more than 300000 entries" },
            { "bomb", "more than 64 MiB" },
            { "ids", "ids end at 65535" },
        };

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task A_hostile_layer_is_refused_and_nothing_is_changed(string which, string reason)
    {
        var outside = Path.Combine(folder.Path, "outside");
        await File.WriteAllTextAsync(outside, "as it was", Stop);
        byte[][] layers = which switch
        {
            "above" => [Tar(Plain("a/../../../outside", "x"))],
            "absolute" => [Tar(Plain(outside, "x"))],
            "through a link" => [Tar(Link("a", folder.Path), Plain("a/outside", "x"))],
            "through a link of a lower layer" => [Tar(Link("a", folder.Path)), Tar(Plain("a/outside", "x"))],
            "device" =>
            [
                Tar(new PaxTarEntry(TarEntryType.CharacterDevice, "null") { DeviceMajor = 1, DeviceMinor = 3 }),
            ],
            "hard link above" => [Tar(Hard("a", "../../outside"))],
            "hard link to a link" => [Tar(Link("a", outside), Hard("b", "a"))],
            "whiteout of nothing" => [Tar(Plain("a/.wh.", ""))],
            "whiteout of above" => [Tar(Plain("a/.wh...", ""))],
            "whiteout as a folder" => [Tar(Plain(".wh.a/b", ""))],
            "deep" => [Tar(Plain(string.Join('/', Enumerable.Repeat("a", 500)), ""))],
            "many" =>
            [
                Tar([.. Enumerable.Range(0, 300_001).Select(i => new UstarTarEntry(TarEntryType.Directory, $"{i}"))]),
            ],
            "bomb" => [Tar(Plain("zeros", new string('\0', 80 << 20)))],
            _ => [Tar(new PaxTarEntry(TarEntryType.Directory, "a") { Uid = 70_000 })],
        };
        var image = Image(ImportFormat.Oci, layers, packed: true);

        var refused = await Assert.ThrowsAsync<BundleException>(() =>
            ImportAsync(image, most: which == "bomb" ? 64L << 20 : 1L << 30)
        );

        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        AssertNothingCame();
        Assert.Equal("as it was", await File.ReadAllTextAsync(outside, Stop));
        Assert.Equal([image, outside, StorePath], Directory.GetFileSystemEntries(folder.Path).Order());
    }

    [Theory]
    [InlineData("blob", "it was changed or cut")]
    [InlineData("diff", "diff_id")]
    [InlineData("count", "its configuration has 2 layers, and it has 1")]
    [InlineData("traversal", "is no part of an image")]
    [InlineData("digest", "not sha256: and 64")]
    [InlineData("cut", "no whole archive")]
    [InlineData("json", "is no image")]
    public async Task A_lying_image_is_refused(string lie, string reason)
    {
        var image = Image(ImportFormat.Oci, [Tar(Plain("a", "1"))], packed: false, lie);

        var refused = await Assert.ThrowsAsync<BundleException>(() => ImportAsync(image));

        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        AssertNothingCame();
    }

    public void Dispose() => folder.Dispose();

    private void AssertNothingCame()
    {
        Assert.Empty(TestBundles.StoreAt(StorePath).List());
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(StorePath, "tmp")));
    }

    private Task<BundleRecord> ImportAsync(string path, string name = "imported", long most = 1L << 30)
    {
        Directory.CreateDirectory(StorePath);
        var options = new BundleOptions
        {
            RootPath = StorePath,
            MaxBytes = most,
            FreeBytes = 0,
        };
        var import = new BundleImport(Options.Create(options), TimeProvider.System);
        return import.ImportAsync(path, null, name, new Progress<BundleProgress>(), Stop);
    }

    private string Write(byte[] bytes)
    {
        var file = Path.Combine(folder.Path, "a.tar");
        File.WriteAllBytes(file, bytes);
        return file;
    }

    private string Image(ImportFormat format, byte[][] layers, bool packed, string lie = "")
    {
        var blobs = layers.Select(layer => packed ? Gzip(layer) : layer).ToArray();
        string[] ids = [.. layers.Select(layer => "sha256:" + Hash(lie == "diff" ? [1] : layer))];
        var config = Json(new { rootfs = new { type = "layers", diff_ids = lie == "count" ? [.. ids, ids[0]] : ids } });
        if (format == ImportFormat.DockerArchive)
        {
            var names = layers.Select(layer => Hash(layer) + "/layer.tar").ToArray();
            var docker = Json(new[] { new { Config = Hash(config) + ".json", Layers = names } });
            return Write(
                Tar([.. names.Zip(blobs, Blob), Blob(Hash(config) + ".json", config), Blob("manifest.json", docker)])
            );
        }
        var manifest = Json(
            new
            {
                config = Descriptor(config),
                layers = blobs.Select(blob => Descriptor(blob, lie == "digest" ? "sha256:../../x" : null)),
            }
        );
        var index = lie == "json" ? "{}"u8.ToArray() : Json(new { manifests = new[] { Descriptor(manifest) } });
        TarEntry[] parts =
        [
            Blob("oci-layout", "{}"u8.ToArray()),
            Blob("index.json", index),
            .. new[] { manifest, config }.Concat(blobs).Select(blob => Blob("blobs/sha256/" + Hash(blob), Bent(blob))),
            .. lie == "traversal" ? [Blob("blobs/sha256/../../../x", [1])] : Array.Empty<TarEntry>(),
        ];
        var tar = Tar(parts);
        return Write(lie == "cut" ? tar[..(tar.Length - 1024 - 700)] : tar);

        byte[] Bent(byte[] blob) => lie == "blob" && blob == blobs[0] ? [.. blob[..^1], 1] : blob;
    }

    private static object Descriptor(byte[] blob, string? digest = null) =>
        new { digest = digest ?? "sha256:" + Hash(blob), size = blob.Length };

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static byte[] Json<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value);

    private static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(bytes);
        return packed.ToArray();
    }

    private static byte[] Tar(params TarEntry[] entries)
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, TarEntryFormat.Pax))
        {
            foreach (var entry in entries)
                tar.WriteEntry(entry);
        }
        return bytes.ToArray();
    }

    private static PaxTarEntry Dir(string name) => new(TarEntryType.Directory, name);

    private static PaxTarEntry Plain(string name, string text) => Blob(name, Encoding.UTF8.GetBytes(text));

    private static PaxTarEntry Blob(string name, byte[] bytes) =>
        new(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(bytes) };

    private static PaxTarEntry Link(string name, string target) =>
        new(TarEntryType.SymbolicLink, name) { LinkName = target };

    private static PaxTarEntry Hard(string name, string target) =>
        new(TarEntryType.HardLink, name) { LinkName = target };
}
