using System.Collections.Immutable;
using System.Text;

namespace TestGrid.Core.Yaml;

/// <summary>What one text may cost to read. A text over one of these is refused, however it is written.</summary>
/// <param name="Bytes">The most bytes.</param>
/// <param name="Depth">The most levels, aliases followed.</param>
/// <param name="Weight">
/// The most nodes, aliases and merges written out; every 16 characters of a text count as one more.
/// </param>
public sealed record YamlLimits(int Bytes = 256 << 10, int Depth = 50, long Weight = 100_000);

/// <summary>Something wrong with a text, where it stands.</summary>
public sealed record YamlFault(YamlMark Mark, YamlFaultKind Kind, string Message);

public enum YamlFaultKind
{
    /// <summary>Not YAML. Nothing can be read.</summary>
    Syntax,

    /// <summary>Not UTF-8. Nothing can be read.</summary>
    Encoding,

    /// <summary>Over a limit. Nothing is read.</summary>
    Limit,

    /// <summary>The same key twice in one mapping: the last one counts.</summary>
    DuplicateKey,

    /// <summary>An alias that names nothing: it counts as empty.</summary>
    UnknownAlias,
}

/// <summary>What reading gave.</summary>
/// <param name="Root">The first document; null when it cannot be read (the last fault says why) or is empty.</param>
/// <param name="Faults">In the order they were met.</param>
public sealed record YamlReading(YamlNode? Root, ImmutableArray<YamlFault> Faults)
{
    /// <summary>Nothing could be read.</summary>
    public bool IsRefused =>
        Faults.Any(fault => fault.Kind is YamlFaultKind.Syntax or YamlFaultKind.Encoding or YamlFaultKind.Limit);
}

/// <summary>
/// Reads a text as Travis does: all scalars are text, <c>&lt;&lt;</c> merges, a doubled key is the last one, only the
/// first
/// document counts. No tag makes an object of anything. The text is a stranger's: bytes, depth and expanded size are
/// bounded
/// while reading, and an alias costs no memory.
/// </summary>
public static class YamlTree
{
    // Each costs a reading of the whole.
    private const int MostIndents = 20;

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <param name="utf8">The text's bytes.</param>
    /// <param name="limits">What it may cost.</param>
    /// <param name="file">The file's number, for the marks.</param>
    public static YamlReading Read(ReadOnlySpan<byte> utf8, YamlLimits limits, int file = 0)
    {
        if (utf8.Length > limits.Bytes)
        {
            var message = $"the file has {utf8.Length:N0} bytes; at most {limits.Bytes:N0} are read";
            return new YamlReading(null, [new YamlFault(new YamlMark(1, 1, file), YamlFaultKind.Limit, message)]);
        }

        string text;
        try
        {
            text = Strict.GetString(utf8);
        }
        catch (DecoderFallbackException bad)
        {
            var message = $"the file is not UTF-8: see byte {bad.Index}";
            return new YamlReading(
                null,
                [new YamlFault(MarkAt(utf8, bad.Index, file), YamlFaultKind.Encoding, message)]
            );
        }

        text = Mended(text);
        for (var tries = 0; ; tries++)
        {
            var builder = new YamlTreeBuilder(limits, file);
            var reading = builder.Read(text);
            if (
                tries == MostIndents
                || builder.OutOfLine is not { } scalar
                || Indented(text, scalar) is not { } indented
            )
                return reading;
            text = indented;
        }
    }

    // As Travis: a byte order mark goes, space at the end too (a block there has no last line feed), and no-break
    // spaces
    // that indent a line are spaces (people paste them).
    private static string Mended(string text)
    {
        text = text.TrimStart('\uFEFF').TrimEnd();
        if (!text.Contains('\u00A0', StringComparison.Ordinal))
            return text;
        var mended = new StringBuilder(text.Length);
        var indenting = true;
        foreach (var c in text)
        {
            mended.Append(indenting && c == '\u00A0' ? ' ' : c);
            indenting = c == '\n' || (indenting && c is ' ' or '\u00A0');
        }

        return mended.ToString();
    }

    /// <summary>
    /// The text with the further lines of a quoted scalar indented: other readers take them at any column, and fold the
    /// space away.
    /// </summary>
    private static string? Indented(string text, YamlMark scalar)
    {
        var at = 0;
        for (var line = 1; line < scalar.Line && at >= 0; line++)
            at = text.IndexOf('\n', at) + 1;
        at += scalar.Column - 1;
        if (at >= text.Length || text[at] is not ('"' or '\''))
            return null;
        var quote = text[at];
        var end = at + 1;
        while (end < text.Length && text[end] != quote)
            end += text[end] == '\\' && quote == '"' ? 2 : 1;
        if (end >= text.Length || end - at > 16_384)
            return null;
        var inner = text[at..end];
        var indented = inner.Replace("\n", "\n" + new string(' ', 64), StringComparison.Ordinal);
        return indented == inner ? null : text[..at] + indented + text[end..];
    }

    private static YamlMark MarkAt(ReadOnlySpan<byte> utf8, int index, int file)
    {
        var before = utf8[..Math.Clamp(index, 0, utf8.Length)];
        return new YamlMark(before.Count((byte)'\n') + 1, before.Length - before.LastIndexOf((byte)'\n'), file);
    }
}
