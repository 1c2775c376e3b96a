using System.Security.Cryptography;
using System.Text;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Layers;

/// <summary>
/// Looks whether a layer's checkout only adds to the repository's files. They win over a layer's, so what a job's install
/// changed in them would be there in the job that made the layer, and not in the next.
/// </summary>
internal static class LayerCheck
{
    private const int Kind = 0xF000;
    private const int Folder = 0x4000;
    private const int File = 0x8000;
    private const int Link = 0xA000;

    /// <param name="tar">Of the layer.</param>
    /// <param name="name">What the checkout's folder is called in it.</param>
    /// <param name="checkout">The checkout, as it was before.</param>
    /// <exception cref="LayerException">It does more than adding.</exception>
    public static void OnlyAdds(Stream tar, string name, string checkout)
    {
        var (below, root) = (Encoding.UTF8.GetBytes(name + "/"), Encoding.UTF8.GetBytes(checkout + "/"));
        try
        {
            var walk = new TarWalk(tar);
            while (walk.MoveNext())
            {
                if (!walk.Path.AsSpan().StartsWith(below))
                    continue;
                var path = walk.Path[below.Length..];
                if (!IsAsBefore(walk, tar, [.. root, .. path, 0]))
                    throw new LayerException(
                        $"install changes {Plain(path)}, which the repository has, and a layer must not hide the next commit's"
                    );
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new LayerException($"its archive cannot be read: {e.Message}", e);
        }
    }

    // Only a file that is there before can be deleted, so a deletion, which is a device, is a change.
    private static bool IsAsBefore(TarWalk now, Stream tar, byte[] path)
    {
        if (now.Type is '3')
            return false;
        if (Posix.TryLook(path) is not { } before)
            return true;
        switch (before.Mode & Kind)
        {
            case Folder:
                return now.Type is '5' && !now.IsOpaque;
            case Link:
                return now.Type is '2' && Posix.LinkTarget(path).AsSpan().SequenceEqual(now.Target);
            case File:
                // Written anew with the same words: a tool's habit, and no change.
                return now.Type is '0' && now.Size == before.Size && HasContent(tar, now.Size, path);
            default:
                return false;
        }
    }

    private static bool HasContent(Stream tar, long size, byte[] path)
    {
        using var before = new FileStream(Posix.Open(path), FileAccess.Read);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var room = new byte[1 << 16];
        while (size > 0)
        {
            var part = (int)Math.Min(size, room.Length);
            tar.ReadExactly(room, 0, part);
            hash.AppendData(room, 0, part);
            size -= part;
        }
        return hash.GetHashAndReset().AsSpan().SequenceEqual(SHA256.HashData(before));
    }

    private static string Plain(byte[] path) =>
        new([.. Encoding.UTF8.GetString(path).Take(100).Select(letter => char.IsControl(letter) ? ' ' : letter)]);
}
