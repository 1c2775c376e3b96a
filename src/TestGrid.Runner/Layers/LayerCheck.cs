using System.Formats.Tar;
using System.Security.Cryptography;

namespace TestGrid.Runner.Layers;

/// <summary>
/// Looks whether a layer's checkout only adds to the repository's files. They win over a layer's, so what a job's install
/// changed in them would be there in the job that made the layer, and not in the next.
/// </summary>
internal static class LayerCheck
{
    private const string Opaque = "SCHILY.xattr." + LayerArchive.Opaque;

    /// <param name="tar">Of the layer.</param>
    /// <param name="name">What the checkout's folder is called in it.</param>
    /// <param name="checkout">The checkout, as it was before.</param>
    /// <exception cref="LayerException">It does more than adding.</exception>
    public static void OnlyAdds(Stream tar, string name, string checkout)
    {
        try
        {
            using var reader = new TarReader(tar, leaveOpen: true);
            while (reader.GetNextEntry() is { } entry)
            {
                var path = entry.Name.TrimEnd('/');
                if (!path.StartsWith(name + "/", StringComparison.Ordinal))
                    continue;
                path = path[(name.Length + 1)..];
                if (!IsAsBefore(entry, Path.Combine(checkout, path)))
                    throw new LayerException(
                        $"install changes {Plain(path)}, which the repository has, and a layer must not hide the next commit's"
                    );
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException)
        {
            throw new LayerException($"its archive cannot be read: {e.Message}", e);
        }
    }

    // Only a file that is there before can be deleted, so a deletion is a change.
    private static bool IsAsBefore(TarEntry entry, string path)
    {
        if (entry.EntryType is TarEntryType.CharacterDevice)
            return false;
        if (!TryLook(path, out var before))
            return true;
        if (before.HasFlag(FileAttributes.ReparsePoint))
            return entry.EntryType is TarEntryType.SymbolicLink && new FileInfo(path).LinkTarget == entry.LinkName;
        if (before.HasFlag(FileAttributes.Directory))
            return entry.EntryType is TarEntryType.Directory
                && !(entry is PaxTarEntry pax && pax.ExtendedAttributes.ContainsKey(Opaque));
        // Written anew with the same words: a tool's habit, and no change.
        if (entry.EntryType is not TarEntryType.RegularFile || entry.Length != new FileInfo(path).Length)
            return false;
        using var now = File.OpenRead(path);
        return SHA256.HashData(entry.DataStream ?? Stream.Null).SequenceEqual(SHA256.HashData(now));
    }

    private static bool TryLook(string path, out FileAttributes attributes)
    {
        attributes = default;
        try
        {
            attributes = File.GetAttributes(path);
            return true;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }

    private static string Plain(string text) =>
        new([.. text.Take(100).Select(letter => char.IsControl(letter) ? ' ' : letter)]);
}
