using System.Formats.Tar;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles.Imports;

/// <summary>What a file to import is.</summary>
public enum ImportFormat
{
    /// <summary>What <c>docker save</c> writes.</summary>
    DockerArchive,

    /// <summary>An OCI image layout: a folder, or a tar of one.</summary>
    Oci,

    /// <summary>A plain tar of a root filesystem.</summary>
    Tar,
}

/// <summary>
/// Takes images and tars of others into the store: named by their content as every bundle is, and without a lock, so that
/// nobody can say what they were built from. A file comes from anybody: it is read into a model, checked, written anew, and
/// unpacked where it can reach nothing; a refused one leaves nothing.
/// </summary>
public sealed partial class BundleImport(IOptions<BundleOptions> options, TimeProvider time)
{
    private readonly BundleShelf shelf = new(options.Value, new LockShelf(options.Value), time);
    private readonly IdRange range = new(options.Value.IdBase);

    /// <param name="path">A file, packed by gzip or not; or an OCI layout's folder.</param>
    /// <param name="format">What it is; null finds out.</param>
    /// <param name="name">The bundle's name: lower case letters, digits, <c>. + -</c>.</param>
    /// <param name="progress">Hears how far it is.</param>
    /// <param name="stop">Ends it; nothing is left.</param>
    /// <exception cref="BundleException">It is refused; the message says why.</exception>
    public async Task<BundleRecord> ImportAsync(
        string path,
        ImportFormat? format,
        string name,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        if (!NameForm.IsMatch(name))
            throw new BundleException(
                $"'{name}' is no bundle's name: write lower case letters, digits, '.', '+', '-'."
            );
        if (Posix.EffectiveUser() != 0)
            throw new BundleException("Only root can import into a store. Remedy: sudo testgrid bundle import …");
        var (folder, held) = shelf.Begin("imported");
        try
        {
            var (work, tree) = (Path.Combine(folder, "work"), Path.Combine(folder, "tree"));
            var (root, jail, parts) = (
                Path.Combine(tree, "root"),
                Path.Combine(work, "jail"),
                Path.Combine(work, "parts")
            );
            foreach (var made in new[] { folder, work, tree, root, jail, parts })
            {
                Directory.CreateDirectory(made);
                File.SetUnixFileMode(made, (UnixFileMode)0x1ED); // 0755: the range's root passes through
            }
            Posix.GiveTo(root, range.Base, range.Base);

            progress.Report(new BundleProgress(name, 5, "reading the layers"));
            var archive = Path.Combine(work, "tree.tar");
            await MergeAsync(path, format, parts, archive, stop);
            progress.Report(new BundleProgress(name, 60, "unpacking"));
            await BundleArchive.UnpackAsync(range, archive, root, jail, stop);
            progress.Report(new BundleProgress(name, 80, "reading the tree"));
            var found = await Task.Run(() => TreeReader.Read(root, range.Base, stop), stop);
            var record = new BundleRecord(name, found.Digest, "unlocked", "", 0, found.Bytes, []);
            await using (
                var gzip = new GZipStream(File.Create(Path.Combine(tree, "manifest.gz")), CompressionLevel.Fastest)
            )
                await gzip.WriteAsync(found.Text, stop);
            record.Write(Path.Combine(tree, "bundle.json"));
            await File.WriteAllBytesAsync(Path.Combine(tree, "lease"), [], stop);
            Posix.Settle(tree);
            shelf.Keep(folder, record);
            return BundleRecord.Read(Path.Combine(shelf.FolderOf(found.Digest), "bundle.json")) ?? record;
        }
        catch (Exception e)
            when (e is InvalidDataException or EndOfStreamException or FormatException or ArgumentException)
        {
            throw new BundleException($"{Path.GetFileName(path)} is refused: it is no whole archive: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BundleException($"{path} cannot be imported: {e.Message}", e);
        }
        finally
        {
            await shelf.RemoveUnfinishedAsync(folder, held, CancellationToken.None);
        }
    }

    private async Task MergeAsync(
        string path,
        ImportFormat? format,
        string parts,
        string archive,
        CancellationToken stop
    )
    {
        var named = Path.GetFileName(path.TrimEnd('/'));
        var most = Most();
        var image = new ImageArchive(named);
        IReadOnlyList<ImageLayer> layers;
        if (Directory.Exists(path))
        {
            image.ReadFolder(path);
            layers = await image.LayersAsync(stop);
        }
        else if (format != ImportFormat.Tar && (format is not null || await IsImageAsync(path, stop)))
        {
            await using var file = Open(path);
            await using var limited = new LimitedStream(file, most, named);
            await image.ReadTarAsync(limited, parts, stop);
            layers = await image.LayersAsync(stop);
        }
        else
            layers = [new ImageLayer(path, null)];

        await using var contents = new FileStream(
            Path.Combine(parts, "contents"),
            new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite }
        );
        var tree = new LayerTree(contents);
        foreach (var (layer, id) in layers)
        {
            await using var file = Open(layer);
            await using var limited = new LimitedStream(file, most, named);
            await tree.AddAsync(limited, whiteouts: id is not null, named, stop);
            if (id is not null && "sha256:" + await limited.EndAsync(stop) != id)
                throw new BundleException($"{named} is refused: a layer is not what the image's diff_id says, {id}.");
            most -= limited.Count;
        }
        await using var output = File.Create(archive);
        File.SetUnixFileMode(archive, (UnixFileMode)0x1A4); // 0644: for the range's root to read
        await tree.WriteAsync(output, stop);
    }

    // Contents, archive and tree lie beside each other for a while, and an image's parts too.
    private long Most()
    {
        var free = new DriveInfo(options.Value.RootPath).AvailableFreeSpace;
        return Math.Min(options.Value.MaxBytes, Math.Max(0, free - options.Value.FreeBytes) / 4);
    }

    private static async Task<bool> IsImageAsync(string path, CancellationToken stop)
    {
        await using var file = Open(path);
        await using var reader = new TarReader(file);
        return await reader.GetNextEntryAsync(copyData: false, stop) is { } first && ImageArchive.IsPart(first.Name);
    }

    private static Stream Open(string path)
    {
        Span<byte> magic = stackalloc byte[4];
        var file = File.OpenRead(path);
        var read = file.ReadAtLeast(magic, 4, throwOnEndOfStream: false);
        file.Position = 0;
        if (read >= 2 && magic is [0x1F, 0x8B, ..])
            return new GZipStream(file, CompressionMode.Decompress);
        if (!magic.SequenceEqual<byte>([0x28, 0xB5, 0x2F, 0xFD]))
            return file;
        file.Dispose();
        throw new BundleException($"{Path.GetFileName(path)} is packed by zstd. Remedy: unpack it first: zstd -d FILE");
    }

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9.+-]{0,63}\z")]
    private static partial Regex NameForm { get; }
}
