using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace TestGrid.Runner.Bundles.Imports;

/// <summary>One layer: a file here, packed or not, and the digest that the image gives for what is in it.</summary>
/// <param name="File">The path of a plain file.</param>
/// <param name="DiffId"><c>sha256:…</c> of the tar; null for a plain tar, of which nobody says it.</param>
internal sealed record ImageLayer(string File, string? DiffId);

/// <summary>
/// An image: an OCI layout (image-spec 1.0), as a folder or a tar, or what <c>docker save</c> writes. Its names are looked up in
/// a table, and none is a path on this machine; each digest that it gives is checked.
/// </summary>
/// <param name="named">What it is called in messages.</param>
internal sealed partial class ImageArchive(string named)
{
    private const int MostParts = 2000;
    private const long MostJson = 8 << 20;

    private readonly Dictionary<string, string> files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> links = new(StringComparer.Ordinal);

    /// <summary>Whether an archive whose first entry has this name may be an image.</summary>
    public static bool IsPart(string name) => PartForm.IsMatch(name);

    /// <summary>Reads a layout's folder; links in it are not followed.</summary>
    public void ReadFolder(string folder)
    {
        var plain = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.ReparsePoint,
        };
        foreach (var file in Directory.EnumerateFiles(folder, "*", plain))
            Add(Path.GetRelativePath(folder, file), file);
    }

    /// <param name="tar">Not packed.</param>
    /// <param name="work">An empty folder for its parts.</param>
    /// <param name="stop">Ends it.</param>
    public async Task ReadTarAsync(Stream tar, string work, CancellationToken stop)
    {
        await using var reader = new TarReader(tar, leaveOpen: true);
        while (await reader.GetNextEntryAsync(copyData: false, stop) is { } entry)
        {
            if (entry.EntryType is TarEntryType.Directory or TarEntryType.GlobalExtendedAttributes)
                continue;
            if (!IsPart(entry.Name))
                throw Refused($"'{entry.Name}' is no part of an image");
            if (entry.EntryType is TarEntryType.SymbolicLink or TarEntryType.HardLink)
            {
                // docker save: a layer that another image of the archive has too.
                links[Clean(entry.Name)] = entry.LinkName.Replace("../", "", StringComparison.Ordinal);
                continue;
            }
            if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile))
                throw Refused($"'{entry.Name}' is a {entry.EntryType}");
            var file = Path.Combine(work, $"part{files.Count}");
            await using (var output = new FileStream(file, FileMode.CreateNew))
            {
                if (entry.DataStream is { } data)
                    await data.CopyToAsync(output, stop);
            }
            Add(Clean(entry.Name), file);
        }
    }

    /// <summary>The image's layers, the lowest first.</summary>
    /// <exception cref="BundleException">It is no image, holds more than one, or a digest lies.</exception>
    public async Task<IReadOnlyList<ImageLayer>> LayersAsync(CancellationToken stop)
    {
        try
        {
            return files.ContainsKey("index.json") ? await OciAsync(stop) : await DockerAsync(stop);
        }
        catch (Exception e)
            when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new BundleException($"{named} is no image: {e.Message}", e);
        }
    }

    private async Task<IReadOnlyList<ImageLayer>> OciAsync(CancellationToken stop)
    {
        var manifest = await JsonAsync(Part("index.json"), stop);
        for (var depth = 0; manifest.TryGetProperty("manifests", out var all); depth++)
        {
            JsonElement[] mine = [.. all.EnumerateArray().Where(IsForHere)];
            if (depth > 2 || mine.Length != 1)
                throw Refused($"it holds {mine.Length} images for linux/amd64, and one is taken");
            manifest = await JsonAsync(await BlobAsync(mine[0], stop), stop);
        }
        var config = await JsonAsync(await BlobAsync(manifest.GetProperty("config"), stop), stop);
        var layers = new List<string>();
        foreach (var layer in manifest.GetProperty("layers").EnumerateArray())
            layers.Add(await BlobAsync(layer, stop));
        return Paired(layers, config);
    }

    private async Task<IReadOnlyList<ImageLayer>> DockerAsync(CancellationToken stop)
    {
        var images = (await JsonAsync(Part("manifest.json"), stop)).EnumerateArray().ToArray();
        if (images.Length != 1)
            throw Refused($"it holds {images.Length} images, and one is taken: docker save NAME:TAG");
        var name = images[0].GetProperty("Config").GetString()!;
        var file = Part(name);
        // Its name is the image's id.
        if (HashForm.Match(name) is { Success: true } said && await HashAsync(file, stop) != said.Value)
            throw Refused($"{name} is not what its name says");
        var layers = images[0].GetProperty("Layers").EnumerateArray().Select(layer => Part(layer.GetString()!));
        return Paired([.. layers], await JsonAsync(file, stop));
    }

    private ImageLayer[] Paired(List<string> layers, JsonElement config)
    {
        string?[] ids =
        [
            .. config.GetProperty("rootfs").GetProperty("diff_ids").EnumerateArray().Select(id => id.GetString()),
        ];
        if (ids.Length != layers.Count || ids.Length == 0)
            throw Refused($"its configuration has {ids.Length} layers, and it has {layers.Count}");
        return [.. layers.Zip(ids, (layer, id) => new ImageLayer(layer, id ?? ""))];
    }

    public static bool IsForHere(JsonElement descriptor) =>
        !descriptor.TryGetProperty("platform", out var platform)
        || (
            platform.GetProperty("os").GetString() == "linux"
            && platform.GetProperty("architecture").GetString() == "amd64"
        );

    private async Task<string> BlobAsync(JsonElement descriptor, CancellationToken stop)
    {
        var digest = descriptor.GetProperty("digest").GetString()!;
        if (!DigestForm.IsMatch(digest))
            throw Refused("a digest in it is not sha256: and 64 hexadecimal digits");
        var file = Part("blobs/sha256/" + digest["sha256:".Length..]);
        if (
            new FileInfo(file).Length != descriptor.GetProperty("size").GetInt64()
            || "sha256:" + await HashAsync(file, stop) != digest
        )
            throw Refused($"{digest} is not what its digest says: it was changed or cut");
        return file;
    }

    private async Task<JsonElement> JsonAsync(string file, CancellationToken stop)
    {
        if (new FileInfo(file).Length > MostJson)
            throw Refused("a description in it is larger than 8 MiB");
        await using var stream = File.OpenRead(file);
        using var document = await JsonDocument.ParseAsync(stream, cancellationToken: stop);
        return document.RootElement.Clone();
    }

    private static async Task<string> HashAsync(string file, CancellationToken stop)
    {
        await using var stream = File.OpenRead(file);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, stop));
    }

    private string Part(string name) =>
        files.GetValueOrDefault(links.GetValueOrDefault(name, name)) ?? throw Refused($"it has no {name}");

    private void Add(string name, string file)
    {
        if (files.Count >= MostParts)
            throw Refused($"it has more than {MostParts} parts");
        files[name] = file;
    }

    private static string Clean(string name) => name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name;

    private BundleException Refused(string why) => new($"{named} is refused: {why}.");

    [GeneratedRegex(
        @"\A(\./)?(blobs/?|blobs/sha256/?|blobs/sha256/[0-9a-f]{64}|oci-layout|(index|manifest)\.json|repositories"
            + @"|[0-9a-f]{64}(\.json|\.tar|/|/layer\.tar|/VERSION|/json)?)\z"
    )]
    private static partial Regex PartForm { get; }

    [GeneratedRegex(@"\Asha256:[0-9a-f]{64}\z")]
    private static partial Regex DigestForm { get; }

    [GeneratedRegex(@"[0-9a-f]{64}")]
    private static partial Regex HashForm { get; }
}
