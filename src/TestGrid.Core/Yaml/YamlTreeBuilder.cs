using System.Collections.Immutable;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace TestGrid.Core.Yaml;

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

    // Ruby's symbols, as people who wrote Ruby have them: :key, and :"key" quoted.
    private static string Symbol(string key) =>
        key.Length < 2 || key[0] != ':' ? key
        : key.Length > 3 && key[1] == '"' && key[^1] == '"' ? key[2..^1]
        : key[1..];

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
