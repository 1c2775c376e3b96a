using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace TestGrid.Core.Bundles;

/// <summary>One path of a tree as <c>testgrid.tree/1</c> sees it.</summary>
/// <param name="Path">Relative to the root, raw bytes as the file system has them: <c>usr/bin/env</c>.</param>
/// <param name="Type"><c>f d l c b p</c>.</param>
/// <param name="Mode">The twelve permission bits.</param>
/// <param name="Owner">User and group as seen inside.</param>
/// <param name="Size">In bytes; 0 unless it is a file.</param>
/// <param name="Value">
/// SHA-256 of a file, target of a link, <c>major:minor</c> of a device, else <c>-</c>; raw bytes.
/// </param>
public sealed record ManifestEntry(
    ReadOnlyMemory<byte> Path,
    char Type,
    int Mode,
    (uint User, uint Group) Owner,
    long Size,
    ReadOnlyMemory<byte> Value
)
{
    /// <summary>The extended attribute <c>security.capability</c> as seen inside, or empty.</summary>
    public ReadOnlyMemory<byte> Capability { get; init; }
}

/// <summary>
/// The text that names a tree: one line per path, sorted by the path's bytes,
/// <c>TYPE MODE UID GID SIZE VALUE PATH[ cap=HEX]</c>. Times, hard-link groups and other attributes are not in it,
/// because one way or another of shipping a tree loses each of them.
/// </summary>
public sealed class Manifest
{
    // An engine makes these itself, and each engine in its own way: they say nothing about the bundle.
    private static readonly ImmutableArray<string> EngineFolders = ["dev", "proc", "sys", "run", "tmp"];
    private static readonly ImmutableArray<string> EngineFiles =
    [
        "etc/hosts",
        "etc/hostname",
        "etc/resolv.conf",
        ".dockerenv",
    ];

    private Manifest(byte[] text, long bytes = 0)
    {
        (Text, Bytes) = (text, bytes);
        Digest = BundleDigest.Of(SHA256.HashData(text));
    }

    /// <summary>The whole text, UTF-8 as far as the paths are.</summary>
    public ReadOnlyMemory<byte> Text { get; }

    public BundleDigest Digest { get; }

    /// <summary>Size of all files, for a manifest made of entries; 0 for one that was kept.</summary>
    public long Bytes { get; }

    /// <summary>Whether the path is an engine's own, so that it is left out. A folder stands for all in it.</summary>
    public static bool IsEngines(ReadOnlySpan<byte> path)
    {
        foreach (var file in EngineFiles)
        {
            if (Same(path, file))
                return true;
        }
        var first = path.IndexOf((byte)'/') is var slash and >= 0 ? path[..slash] : path;
        foreach (var folder in EngineFolders)
        {
            if (Same(first, folder))
                return true;
        }
        return false;
    }

    public static Manifest Of(IEnumerable<ManifestEntry> entries)
    {
        var sorted = entries.Where(entry => !IsEngines(entry.Path.Span)).ToArray();
        Array.Sort(sorted, (a, b) => a.Path.Span.SequenceCompareTo(b.Path.Span));
        var text = new ArrayBufferWriter<byte>(256 + sorted.Length * 128);
        foreach (var entry in sorted)
            Write(text, entry);
        return new Manifest(text.WrittenSpan.ToArray(), sorted.Sum(entry => entry.Size));
    }

    /// <summary>A manifest that was kept.</summary>
    public static Manifest Parse(ReadOnlySpan<byte> text) => new(text.ToArray());

    /// <summary>Whether the path (ASCII) is a plain file, so that no link leads from it, or from a folder of it, elsewhere.</summary>
    public bool HasFile(string path)
    {
        foreach (var line in Encoding.Latin1.GetString(Text.Span).Split('\n'))
        {
            if (
                line.StartsWith("f ", StringComparison.Ordinal)
                && line.Split(' ', 7) is [.., var named]
                && named == path
            )
                return true;
        }
        return false;
    }

    /// <summary>
    /// Lines that only one of them has, <c>-</c> before this one's and <c>+</c> before the other's, at most
    /// <paramref name="most"/>.
    /// </summary>
    public ImmutableArray<string> DifferencesTo(Manifest other, int most)
    {
        var (mine, theirs) = (Lines(this), Lines(other));
        var (ours, others) = (mine.ToHashSet(StringComparer.Ordinal), theirs.ToHashSet(StringComparer.Ordinal));
        return
        [
            .. mine.Where(line => !others.Contains(line))
                .Select(line => "- " + line)
                .Concat(theirs.Where(line => !ours.Contains(line)).Select(line => "+ " + line))
                .Take(most),
        ];

        // Latin-1 keeps every byte apart, so a path that is no UTF-8 cannot hide a difference.
        static string[] Lines(Manifest manifest) =>
            Encoding.Latin1.GetString(manifest.Text.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static void Write(ArrayBufferWriter<byte> text, ManifestEntry entry)
    {
        Plain(
            text,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{entry.Type} {Convert.ToString(entry.Mode & 0xFFF, 8).PadLeft(4, '0')} "
                    + $"{entry.Owner.User} {entry.Owner.Group} {entry.Size} "
            )
        );
        Escaped(text, entry.Value.Span);
        Plain(text, " ");
        Escaped(text, entry.Path.Span);
        if (!entry.Capability.IsEmpty)
            Plain(text, $" cap={Convert.ToHexStringLower(entry.Capability.Span)}");
        Plain(text, "\n");
    }

    private static void Plain(ArrayBufferWriter<byte> text, string part)
    {
        var room = text.GetSpan(part.Length);
        text.Advance(Encoding.ASCII.GetBytes(part, room));
    }

    // A line feed in a name would otherwise forge a line.
    private static void Escaped(ArrayBufferWriter<byte> text, ReadOnlySpan<byte> part)
    {
        var room = text.GetSpan(part.Length * 4);
        var at = 0;
        foreach (var b in part)
        {
            if (b >= 0x20 && b != 0x7F && b != (byte)'\\')
            {
                room[at++] = b;
                continue;
            }
            room[at++] = (byte)'\\';
            room[at++] = (byte)('0' + (b >> 6));
            room[at++] = (byte)('0' + ((b >> 3) & 7));
            room[at++] = (byte)('0' + (b & 7));
        }
        text.Advance(at);
    }

    private static bool Same(ReadOnlySpan<byte> bytes, string ascii) => Ascii.Equals(bytes, ascii);
}
