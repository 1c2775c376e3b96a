using System.Buffers.Binary;
using System.Globalization;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// The manifest of a tree as it is packed by <see cref="BundleArchive"/>: the way of those who may not open all its
/// files. Not by <c>System.Formats.Tar</c>, for names are bytes here and need not be UTF-8.
/// </summary>
internal sealed class PackedTree
{
    private const int Block = 512;
    private const long HeaderMost = 1 << 20;

    private readonly Stream tar;
    private readonly Dictionary<string, ManifestEntry> entries = [];
    private readonly byte[] room = new byte[1 << 17];
    private readonly CancellationToken stop;

    private PackedTree(Stream tar, CancellationToken stop) => (this.tar, this.stop) = (tar, stop);

    public static async Task<Manifest> ReadAsync(IdRange range, string root, CancellationToken stop)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1 << 22, resumeWriterThreshold: 1 << 21));
        var packing = PackAsync();
        try
        {
            await using var tar = pipe.Reader.AsStream();
            var manifest = await ReadAsync(tar, stop);
            await tar.CopyToAsync(Stream.Null, stop);
            await packing;
            return manifest;
        }
        catch (InvalidDataException e)
        {
            await packing; // its own trouble says more than a tar that breaks off
            throw new BundleException($"{root} could not be read: {e.Message}", e);
        }

        async Task PackAsync()
        {
            try
            {
                await BundleArchive.PackAsync(range, root, pipe.Writer.AsStream(leaveOpen: true), stop);
            }
            finally
            {
                await pipe.Writer.CompleteAsync();
            }
        }
    }

    /// <param name="tar">In the form <c>posix</c>, as GNU tar writes it.</param>
    /// <exception cref="InvalidDataException">It is not.</exception>
    internal static async Task<Manifest> ReadAsync(Stream tar, CancellationToken stop)
    {
        var reader = new PackedTree(tar, stop);
        var more = new Dictionary<string, byte[]>();
        while (await reader.HeaderAsync() is { } header)
        {
            if (header[156] == 'x')
            {
                more = await reader.MoreAsync(header);
                continue;
            }
            await reader.EntryAsync(header, more);
            more = [];
        }
        return Manifest.Of(reader.entries.Values);
    }

    private async Task<byte[]?> HeaderAsync()
    {
        var header = new byte[Block];
        await tar.ReadExactlyAsync(header, stop);
        if (!header.AsSpan().ContainsAnyExcept((byte)0))
            return null;
        return header.AsSpan(257, 5).SequenceEqual("ustar"u8) ? header : throw new InvalidDataException("no tar");
    }

    // LENGTH KEY=VALUE\n, one after the other; the value may hold any byte.
    private async Task<Dictionary<string, byte[]>> MoreAsync(byte[] header)
    {
        var size = Octal(header.AsSpan(124, 12));
        if (size > HeaderMost)
            throw new InvalidDataException("a header of more than 1 MB");
        var text = new byte[size];
        await tar.ReadExactlyAsync(text, stop);
        await SkipAsync(Filling(size));
        var found = new Dictionary<string, byte[]>();
        for (ReadOnlyMemory<byte> rest = text; !rest.IsEmpty; )
        {
            var space = rest.Span.IndexOf((byte)' ');
            var length = int.Parse(rest.Span[..space], NumberStyles.None, CultureInfo.InvariantCulture);
            var pair = rest[(space + 1)..(length - 1)];
            var equals = pair.Span.IndexOf((byte)'=');
            found[Encoding.ASCII.GetString(pair.Span[..equals])] = pair[(equals + 1)..].ToArray();
            rest = rest[length..];
        }
        return found;
    }

    private async Task EntryAsync(byte[] header, Dictionary<string, byte[]> more)
    {
        var size = more.TryGetValue("size", out var large) ? Decimal(large) : Octal(header.AsSpan(124, 12));
        var path = Inside(more.GetValueOrDefault("path") ?? Name(header));
        var link = more.GetValueOrDefault("linkpath") ?? Text(header.AsSpan(157, 100));
        if (path.Length == 0 || Manifest.IsEngines(path))
        {
            await SkipAsync(header[156] == '0' ? size + Filling(size) : 0);
            return;
        }
        var key = Convert.ToHexString(path);
        if (header[156] == '1') // a second name for what came before
        {
            entries[key] = entries[Convert.ToHexString(Inside(link))] with { Path = path };
            return;
        }
        var (type, value) = (char)header[156] switch
        {
            '0' or '\0' => ('f', await HashAsync(size)),
            '5' => ('d', "-"u8.ToArray()),
            '2' => ('l', link),
            '3' => ('c', Device(header)),
            '4' => ('b', Device(header)),
            '6' => ('p', "-"u8.ToArray()),
            var other => throw new InvalidDataException($"an entry of kind '{other}'"),
        };
        entries[key] = new ManifestEntry(
            path,
            type,
            (int)Octal(header.AsSpan(100, 8)) & 0xFFF,
            ((uint)Octal(header.AsSpan(108, 8)), (uint)Octal(header.AsSpan(116, 8))),
            type is 'f' ? size : 0,
            value
        )
        {
            Capability = type is 'f' && more.TryGetValue("SCHILY.xattr.security.capability", out var held) ? held : [],
        };
    }

    private async Task<byte[]> HashAsync(long size)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var rest = size; rest > 0; )
        {
            var read = await tar.ReadAsync(room.AsMemory(0, (int)Math.Min(room.Length, rest)), stop);
            if (read == 0)
                throw new InvalidDataException("it breaks off");
            hash.AppendData(room, 0, read);
            rest -= read;
        }
        await SkipAsync(Filling(size));
        return Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private async Task SkipAsync(long bytes)
    {
        for (var rest = bytes; rest > 0; )
        {
            var some = (int)Math.Min(room.Length, rest);
            await tar.ReadExactlyAsync(room.AsMemory(0, some), stop);
            rest -= some;
        }
    }

    private static long Filling(long size) => (Block - size % Block) % Block;

    private static byte[] Name(byte[] header)
    {
        var (name, before) = (Text(header.AsSpan(0, 100)), Text(header.AsSpan(345, 155)));
        return before.Length == 0 ? name : [.. before, (byte)'/', .. name];
    }

    // ./usr/bin/ is usr/bin, and ./ is nothing.
    private static byte[] Inside(byte[] path)
    {
        ReadOnlySpan<byte> rest = path;
        if (rest is [(byte)'.', (byte)'/', ..])
            rest = rest[2..];
        else if (rest is [(byte)'.'])
            rest = [];
        return rest.TrimEnd((byte)'/').ToArray();
    }

    private static byte[] Device(byte[] header) =>
        Encoding.ASCII.GetBytes(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Octal(header.AsSpan(329, 8))}:{Octal(header.AsSpan(337, 8))}"
            )
        );

    private static byte[] Text(ReadOnlySpan<byte> field) =>
        field[..(field.IndexOf((byte)0) is var end and >= 0 ? end : field.Length)].ToArray();

    private static long Octal(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x80) != 0)
            return BinaryPrimitives.ReadInt64BigEndian(field[^8..]);
        var sum = 0L;
        foreach (var digit in field)
        {
            if (digit is >= (byte)'0' and <= (byte)'7')
                sum = sum * 8 + digit - '0';
            else if (digit is not ((byte)' ' or 0))
                throw new InvalidDataException("a number that is none");
        }
        return sum;
    }

    private static long Decimal(byte[] text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
