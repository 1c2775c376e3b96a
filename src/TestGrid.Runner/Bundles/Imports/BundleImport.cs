using System.Formats.Tar;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
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
    public Task<BundleRecord> ImportAsync(
        string path,
        ImportFormat? format,
        string name,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    ) => ImportAsync(_ => Task.FromResult(path), Path.GetFileName(path.TrimEnd('/')), format, name, progress, stop);

    /// <summary>Pulls an image from its registry, without a Docker daemon, and takes it in.</summary>
    /// <param name="image">With its digest: of a tag only, what is refused is told with the digest to write.</param>
    /// <param name="logins">Who may read it.</param>
    /// <param name="name">The bundle's name.</param>
    /// <param name="isTrusted">Whether a person at this machine names it: then its registry may be in a private network.</param>
    /// <param name="progress">Hears how far it is.</param>
    /// <param name="stop">Ends it; nothing is left.</param>
    /// <exception cref="BundleException">It cannot be had, or is refused; the message says why.</exception>
    public Task<BundleRecord> PullAsync(
        ImageReference image,
        RegistryLogins logins,
        string name,
        bool isTrusted,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        return ImportAsync(Pulled, image.ToString(), ImportFormat.Oci, name, progress, stop);

        async Task<string> Pulled(string folder)
        {
            using var limit = new CancellationTokenSource(options.Value.BuildTime, time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
            try
            {
                await new ImagePull(options.Value, time, isTrusted).PullAsync(
                    image,
                    logins,
                    folder,
                    Most(),
                    progress,
                    both.Token
                );
                return folder;
            }
            catch (OperationCanceledException e) when (!stop.IsCancellationRequested)
            {
                throw new BundleException(
                    $"{image} was not pulled within {options.Value.BuildTime.TotalMinutes:0} minutes (Bundles:BuildTime).",
                    e
                );
            }
        }
    }

    private async Task<BundleRecord> ImportAsync(
        Func<string, Task<string>> find,
        string named,
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
        if (!shelf.IsWritable)
            throw new BundleException(
                $"Only its owner can import into {options.Value.RootPath}. Remedy: sudo testgrid bundle import …"
            );
        var (folder, held) = shelf.Begin("imported");
        try
        {
            var (work, tree) = (Path.Combine(folder, "work"), Path.Combine(folder, "tree"));
            var (root, jail) = (Path.Combine(tree, "root"), Path.Combine(work, "jail"));
            var (parts, pulled) = (Path.Combine(work, "parts"), Path.Combine(work, "pulled"));
            foreach (var made in new[] { folder, work, tree, root, jail, parts, pulled })
            {
                Directory.CreateDirectory(made);
                File.SetUnixFileMode(made, (UnixFileMode)0x1ED); // 0755: the range's root passes through
            }
            await range.TakeOverAsync(root, stop);

            var path = await find(pulled);
            progress.Report(new BundleProgress(name, 50, "reading the layers"));
            var archive = Path.Combine(work, "tree.tar");
            await MergeAsync(path, named, format, parts, archive, stop);
            progress.Report(new BundleProgress(name, 60, "unpacking"));
            await BundleArchive.UnpackAsync(range, archive, root, jail, stop);
            progress.Report(new BundleProgress(name, 80, "reading the tree"));
            var found = await TreeReader.ReadAsync(range, root, stop);
            var record = new BundleRecord(name, found.Digest, Bundle.Unlocked, "", 0, found.Bytes, []);
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
            throw new BundleException($"{named} is refused: it is no whole archive: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BundleException($"{named} cannot be imported: {e.Message}", e);
        }
        finally
        {
            await shelf.RemoveUnfinishedAsync(folder, held, CancellationToken.None);
        }
    }

    private async Task MergeAsync(
        string path,
        string named,
        ImportFormat? format,
        string parts,
        string archive,
        CancellationToken stop
    )
    {
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
