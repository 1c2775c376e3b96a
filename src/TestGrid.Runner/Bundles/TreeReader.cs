using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Text;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>Reads a tree on disk into its manifest, with ids as seen inside. Half a second for 20,000 files.</summary>
public static class TreeReader
{
    private const int TypeBits = 0xF000;

    /// <summary>
    /// Reads a tree of the range. Root reads it as it lies there; an ordinary user may not open all of it, and reads what the
    /// range's root packs.
    /// </summary>
    /// <exception cref="BundleException">It is not a tree of that range, or has what no bundle has.</exception>
    public static Task<Manifest> ReadAsync(IdRange range, string root, CancellationToken stop) =>
        Posix.EffectiveUser() == 0
            ? Task.Run(() => Read(root, range.Base, stop), stop)
            : PackedTree.ReadAsync(range, root, stop);

    /// <param name="root">The tree's folder.</param>
    /// <param name="idBase">What owner 0 inside is outside; 0 when the tree has its true ids.</param>
    /// <exception cref="BundleException">A file belongs to nobody inside.</exception>
    public static Manifest Read(string root, long idBase, CancellationToken stop)
    {
        var prefix = Encoding.UTF8.GetBytes(root.TrimEnd('/') + '/');
        var found = new List<(byte[] Path, Posix.Facts Facts)>();
        Walk(prefix, [], found, stop);

        var entries = new ConcurrentBag<ManifestEntry>();
        try
        {
            Parallel.ForEach(
                Partitioner.Create(found, loadBalance: true),
                new ParallelOptions { CancellationToken = stop },
                item => entries.Add(Entry(prefix, item.Path, item.Facts, idBase))
            );
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
        return Manifest.Of(entries);
    }

    private static void Walk(byte[] prefix, byte[] folder, List<(byte[], Posix.Facts)> found, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        foreach (var name in Posix.Names([.. prefix, .. folder, 0]))
        {
            byte[] path = folder.Length == 0 ? name : [.. folder, (byte)'/', .. name];
            if (Manifest.IsEngines(path))
                continue;
            var facts = Posix.Look([.. prefix, .. path, 0]);
            found.Add((path, facts));
            if ((facts.Mode & TypeBits) == 0x4000)
                Walk(prefix, path, found, stop);
        }
    }

    private static ManifestEntry Entry(byte[] prefix, byte[] path, Posix.Facts facts, long idBase)
    {
        byte[] full = [.. prefix, .. path, 0];
        // Only a plain file is opened: reading a device or a pipe could hang for ever.
        var (type, value) = (facts.Mode & TypeBits) switch
        {
            0x8000 => ('f', Hash(full)),
            0x4000 => ('d', "-"u8.ToArray()),
            0xA000 => ('l', Posix.LinkTarget(full)),
            0x2000 => ('c', Device(facts)),
            0x6000 => ('b', Device(facts)),
            0x1000 => ('p', "-"u8.ToArray()),
            _ => throw new BundleException($"{Encoding.UTF8.GetString(path)} is a socket: a bundle has none."),
        };
        var capability = type is 'f' ? Capability(Posix.Attribute(full, "security.capability\0"u8)) : [];
        return new ManifestEntry(
            path,
            type,
            facts.Mode & 0xFFF,
            (Inside(facts.User, idBase, path), Inside(facts.Group, idBase, path)),
            type is 'f' ? facts.Size : 0,
            value
        )
        {
            Capability = capability,
        };
    }

    private static uint Inside(uint id, long idBase, byte[] path) =>
        id - idBase is >= 0 and < 65536
            ? (uint)(id - idBase)
            : throw new BundleException(
                $"{Encoding.UTF8.GetString(path)} belongs to {id}, which is nobody inside: the tree is damaged."
            );

    private static byte[] Device(Posix.Facts facts) =>
        Encoding.ASCII.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{facts.DeviceMajor}:{facts.DeviceMinor}")
        );

    // Written inside a user namespace, the attribute is revision 3: 4 bytes longer, with the namespace's root id at
    // its end. Seen from inside it is revision 2.
    private static byte[] Capability(byte[] attribute) =>
        attribute is [var flags, _, _, 3, ..] and { Length: 24 } ? [flags, 0, 0, 2, .. attribute[4..20]] : attribute;

    private static byte[] Hash(byte[] path)
    {
        using var file = Posix.Open(path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var room = ArrayPool<byte>.Shared.Rent(1 << 17);
        try
        {
            for (long at = 0; RandomAccess.Read(file, room, at) is var read and > 0; at += read)
                hash.AppendData(room, 0, read);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(room);
        }
        return Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
