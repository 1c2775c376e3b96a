using System.Globalization;
using System.Text;

namespace TestGrid.Runner.Layers;

/// <summary>
/// Reads the headers of a tar in POSIX format, names as the bytes they are: .NET's own reader refuses names with a line
/// feed, which a file may have.
/// </summary>
/// <param name="tar">Read from where it stands.</param>
internal sealed class TarWalk(Stream tar)
{
    private const int Block = 512;
    private const int LongestHeader = 1 << 20;

    private readonly byte[] header = new byte[Block];
    private long next;

    /// <summary>The path, without a slash at its end.</summary>
    public byte[] Path { get; private set; } = [];

    /// <summary>What it is a link to; empty for what is none.</summary>
    public byte[] Target { get; private set; } = [];

    /// <summary>As in the header: <c>0</c> a file, <c>1</c> a hard link, <c>2</c> a link, <c>3</c> a device, <c>5</c> a folder.</summary>
    public char Type { get; private set; }

    /// <summary>Bytes of its content, which is read from the stream before the next step.</summary>
    public long Size { get; private set; }

    /// <summary>It has the attribute of a folder that replaced one.</summary>
    public bool IsOpaque { get; private set; }

    /// <summary>Goes to the next one.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="InvalidDataException">It is no such tar.</exception>
    public bool MoveNext()
    {
        Dictionary<string, byte[]> more = [];
        while (true)
        {
            if (next > tar.Length)
                throw new InvalidDataException("it breaks off");
            tar.Position = next;
            tar.ReadExactly(header);
            if (!header.AsSpan().ContainsAnyExcept((byte)0))
                return false;
            Size = more.TryGetValue("size", out var large) ? Number(large, 10) : Number(Field(124, 12), 8);
            if (Size < 0 || Size > tar.Length)
                throw new InvalidDataException("it says to be longer than it is");
            Type = header[156] == 0 ? '0' : (char)header[156];
            var hasContent = Type is '0' or '7' or 'x' or 'g';
            next = tar.Position + (hasContent ? (Size + Block - 1) / Block * Block : 0);
            if (Type is 'x')
                more = Read(Size);
            else if (Type is not 'g')
                break;
        }
        var prefix = Field(345, 155);
        byte[] named = prefix.Length == 0 ? Field(0, 100) : [.. prefix, (byte)'/', .. Field(0, 100)];
        Path = more.GetValueOrDefault("path", named).AsSpan().TrimEnd((byte)'/').ToArray();
        Target = Type is '1' or '2' ? more.GetValueOrDefault("linkpath", Field(157, 100)) : [];
        IsOpaque = more.ContainsKey("SCHILY.xattr." + LayerArchive.Opaque);
        return true;
    }

    // Records are «LENGTH NAME=VALUE\n», and the length counts all of it: a value may hold anything.
    private Dictionary<string, byte[]> Read(long size)
    {
        if (size is < 0 or > LongestHeader)
            throw new InvalidDataException("a header is too long");
        var bytes = new byte[size];
        tar.ReadExactly(bytes);
        var found = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        for (var at = 0; at < bytes.Length; )
        {
            var space = bytes.AsSpan(at).IndexOf((byte)' ');
            var length = space < 1 ? 0 : Number(bytes[at..(at + space)], 10);
            if (length < space + 3 || length > bytes.Length - at)
                throw new InvalidDataException("a header is no list of records");
            var record = bytes.AsSpan(at + space + 1, (int)length - space - 2);
            var equals = record.IndexOf((byte)'=');
            if (equals < 0)
                throw new InvalidDataException("a header has a record without a name");
            found[Encoding.UTF8.GetString(record[..equals])] = record[(equals + 1)..].ToArray();
            at += (int)length;
        }
        return found;
    }

    private byte[] Field(int at, int length)
    {
        var field = header.AsSpan(at, length);
        var end = field.IndexOf((byte)0);
        return (end < 0 ? field : field[..end]).ToArray();
    }

    private static long Number(byte[] digits, int radix)
    {
        try
        {
            var text = Encoding.ASCII.GetString(digits).Trim();
            return radix == 8
                ? Convert.ToInt64(text, 8)
                : long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
        {
            throw new InvalidDataException("a header's number is none", e);
        }
    }
}
