using System.Formats.Tar;
using System.Text.RegularExpressions;

namespace TestGrid.Runner.Bundles;

/// <summary>A pool as one tar, to carry to a machine that has no mirror: <c>sha256/HASH</c>, plain files, no times.</summary>
internal static partial class PoolArchive
{
    // The largest package of Debian is about half of this.
    private const long MostBytes = 4L << 30;

    public static async Task<int> WriteAsync(
        PackagePool pool,
        IEnumerable<string> hashes,
        Stream output,
        CancellationToken stop
    )
    {
        var count = 0;
        await using var tar = new TarWriter(output, TarEntryFormat.Ustar, leaveOpen: true);
        foreach (var sha256 in hashes.Distinct().Order(StringComparer.Ordinal))
        {
            await using var file = File.OpenRead(pool.FileOf(sha256));
            var entry = new UstarTarEntry(TarEntryType.RegularFile, $"sha256/{sha256}")
            {
                DataStream = file,
                ModificationTime = DateTimeOffset.UnixEpoch,
            };
            await tar.WriteEntryAsync(entry, stop);
            count++;
        }
        return count;
    }

    public static async Task<int> ReadAsync(PackagePool pool, string root, Stream input, CancellationToken stop)
    {
        var count = 0;
        var folder = Directory.CreateDirectory(Path.Combine(root, Path.GetRandomFileName())).FullName;
        try
        {
            await using var tar = new TarReader(input, leaveOpen: true);
            while (await tar.GetNextEntryAsync(copyData: false, stop) is { } entry)
            {
                // Nothing of a stranger's archive names a path here: a name is a hash or the archive is refused.
                if (
                    entry.EntryType is not TarEntryType.RegularFile
                    || Name.Match(entry.Name) is not { Success: true } name
                )
                    throw new BundleException($"This is no pool: it holds '{entry.Name}', a {entry.EntryType}.");
                if (entry.Length > MostBytes)
                    throw new BundleException($"{entry.Name} has {entry.Length} bytes: no package is that large.");
                var file = Path.Combine(folder, name.Groups[1].Value);
                await entry.ExtractToFileAsync(file, overwrite: false, stop);
                if (!await pool.TakeAsync(file, entry.Length, name.Groups[1].Value, stop))
                    throw new BundleException($"{entry.Name} is not what its name says: the archive is damaged.");
                count++;
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException)
        {
            throw new BundleException($"This is no whole tar of a pool: {e.Message}", e);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
        return count;
    }

    [GeneratedRegex(@"\Asha256/([0-9a-f]{64})\z")]
    private static partial Regex Name { get; }
}
