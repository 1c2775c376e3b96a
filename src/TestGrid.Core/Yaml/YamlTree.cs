using System.Collections.Immutable;
using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

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

/// <summary>Builds one tree out of the parser's events.</summary>
internal sealed class YamlTreeBuilder(YamlLimits limits, int file)
{
    private readonly ImmutableArray<YamlFault>.Builder faults = ImmutableArray.CreateBuilder<YamlFault>();
    private readonly Dictionary<string, YamlNode> anchors = new(StringComparer.Ordinal);
    private long merged;

    /// <summary>The quoted scalar whose lines stand too far left for the parser; null when that is not the fault.</summary>
    public YamlMark? OutOfLine { get; private set; }

    public YamlReading Read(string text)
    {
        Parser? parser = null;
        try
        {
            parser = new Parser(new Scanner(new StringReader(text), skipComments: true));
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _))
                return new YamlReading(null, faults.ToImmutable());
            parser.Consume<DocumentStart>();
            return new YamlReading(Node(parser, 1), faults.ToImmutable());
        }
        catch (YamlException bad)
        {
            faults.Add(new YamlFault(MarkOf(bad.Start), YamlFaultKind.Syntax, Plain(bad)));
            if (bad.Message.Contains("quoted scalar, found wrong indentation", StringComparison.Ordinal))
                OutOfLine = MarkOf(bad.Start);
        }
        catch (TooMuch over)
        {
            faults.Add(new YamlFault(over.Mark, YamlFaultKind.Limit, over.Message));
        }
        catch (Exception bug) when (bug is InvalidOperationException or ArgumentException or IndexOutOfRangeException)
        {
            // The library's scanner breaks in some wrong texts (`script: [a` and a key on the next line): they are
            // wrong all
            // the same, near where it stood.
            var near = parser?.Current is { } last ? MarkOf(last.End) : new YamlMark(1, 1, file);
            faults.Add(new YamlFault(near, YamlFaultKind.Syntax, "this is not YAML, here or soon after"));
        }

        return new YamlReading(null, faults.ToImmutable());
    }

    private YamlNode Node(Parser parser, int level)
    {
        var parsed = parser.Consume<ParsingEvent>();
        var mark = MarkOf(parsed.Start);
        if (level > limits.Depth)
            throw new TooMuch(mark, $"it is more than {limits.Depth} levels deep");
        var node = parsed switch
        {
            Scalar scalar => Value(scalar, mark),
            AnchorAlias alias => Alias(alias, mark),
            SequenceStart => List(parser, level, mark),
            MappingStart => Map(parser, level, mark),
            _ => throw new YamlException(parsed.Start, parsed.End, "a value was expected here"),
        };
        if (node.Depth + level - 1 > limits.Depth)
            throw new TooMuch(mark, $"it is more than {limits.Depth} levels deep when its aliases are followed");
        if (node.Weight > limits.Weight)
            throw new TooMuch(mark, $"it has more than {limits.Weight:N0} parts when its aliases are written out");
        if (parsed is NodeEvent { Anchor.IsEmpty: false } named)
            anchors[named.Anchor.Value] = node;
        return node;
    }

    private YamlList List(Parser parser, int level, YamlMark mark)
    {
        var items = ImmutableArray.CreateBuilder<YamlNode>();
        while (!parser.TryConsume<SequenceEnd>(out _))
            items.Add(Node(parser, level + 1));
        return new YamlList(items.ToImmutable(), mark);
    }

    private YamlMap Map(Parser parser, int level, YamlMark mark)
    {
        var entries = new OrderedDictionary<string, YamlEntry>(StringComparer.Ordinal);
        var written = new HashSet<string>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var keyNode = Node(parser, level + 1);
            var isPlain = keyNode is YamlScalar { IsPlain: true };
            var key = keyNode is YamlScalar scalar ? Symbol(scalar.Text ?? "") : keyNode.ToString()!;
            var value = Node(parser, level + 1);
            if (key == "<<" && isPlain && Merge(value, entries, written))
                continue;
            if (!written.Add(key))
                faults.Add(new YamlFault(keyNode.Mark, YamlFaultKind.DuplicateKey, $"'{key}' stands twice here"));
            entries[key] = new YamlEntry(key, keyNode.Mark, value);
        }

        return new YamlMap([.. entries.Values], mark);
    }

    /// <summary>Merges a map, or a list of maps of which the first wins, under the keys written here.</summary>
    private bool Merge(YamlNode value, OrderedDictionary<string, YamlEntry> entries, HashSet<string> written)
    {
        YamlMap[] maps = value switch
        {
            YamlMap map => [map],
            YamlList list when list.Items.All(item => item is YamlMap) => [.. list.Items.Cast<YamlMap>().Reverse()],
            _ => [],
        };
        if (maps.Length == 0)
            return value is YamlScalar { Text: null };
        foreach (var entry in maps.SelectMany(map => map.Entries))
        {
            // Counted apart from the weight: maps that each merge the one before cost the square of their number to
            // build.
            if (++merged > limits.Weight)
                throw new TooMuch(value.Mark, $"its merges write out more than {limits.Weight:N0} keys");
            if (!written.Contains(entry.Key))
                entries[entry.Key] = entry;
        }

        return true;
    }

    private YamlNode Alias(AnchorAlias alias, YamlMark mark)
    {
        if (anchors.TryGetValue(alias.Value.Value, out var node))
            return node;
        faults.Add(new YamlFault(mark, YamlFaultKind.UnknownAlias, $"'*{alias.Value.Value}' names nothing"));
        return new YamlScalar(null, true, mark);
    }

    private static YamlScalar Value(Scalar scalar, YamlMark mark)
    {
        var isPlain = scalar.Style == ScalarStyle.Plain;
        var isNull = isPlain && scalar.Value is "" or "~" or "null" or "Null" or "NULL" && !IsText(scalar.Tag);
        return new YamlScalar(isNull ? null : scalar.Value, isPlain, mark);
    }

    private static bool IsText(TagName tag) => !tag.IsEmpty && tag.Value is "tag:yaml.org,2002:str" or "!";

    private static string Symbol(string key) => key.Length > 1 && key[0] == ':' ? key[1..] : key;

    private YamlMark MarkOf(Mark mark) =>
        new((int)Math.Min(mark.Line, int.MaxValue), (int)Math.Min(mark.Column, int.MaxValue), file);

    // The library's messages begin with the place, which stands before every problem anyway.
    private static string Plain(YamlException bad)
    {
        var message = bad.InnerException?.Message ?? bad.Message;
        var end = message.StartsWith('(') ? message.IndexOf("): ", StringComparison.Ordinal) : -1;
        message = end < 0 ? message : message[(end + 3)..];
        return message.Length == 0 ? "this is not YAML" : char.ToLowerInvariant(message[0]) + message[1..].TrimEnd('.');
    }

    /// <summary>Ends the reading at a limit; caught here, in this file.</summary>
    private sealed class TooMuch(YamlMark mark, string message) : Exception(message)
    {
        public YamlMark Mark { get; } = mark;
    }
}
