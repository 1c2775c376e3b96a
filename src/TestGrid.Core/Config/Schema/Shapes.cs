using System.Collections.Frozen;
using System.Collections.Immutable;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Schema;

/// <summary>Gives values the shape their key has, and says where somebody wrote another one.</summary>
internal sealed class Shapes(Findings findings)
{
    /// <summary>
    /// The same map under known keys, values shaped by <paramref name="shape"/> (null leaves the key out). Unknown
    /// keys stay
    /// as they are: they may be anchors' homes, and jobs carry them along as Travis's do.
    /// </summary>
    public YamlMap Keys(YamlMap map, FrozenSet<string> known, string where, Func<string, YamlNode, YamlNode?> shape)
    {
        var found = map.Entries.Select(entry => (Entry: entry, Key: KeyRepair.Find(entry.Key, known))).ToList();
        var result = new OrderedDictionary<string, YamlEntry>(StringComparer.Ordinal);

        // Keys written as they are go first and mended ones win over them, so matrix: wins over jobs: in any order.
        foreach (var (entry, key) in found.OrderBy(pair => pair.Key != pair.Entry.Key))
        {
            if (key is null)
                Unknown(entry, known, where);
            else if (key != entry.Key)
                Mended(entry, key, result, where);
            var value = key is null ? entry.Value : shape(key, entry.Value);
            if (value is not (null or YamlScalar { Text: null }))
                result[key ?? entry.Key] = entry with { Key = key ?? entry.Key, Value = value };
        }

        return new YamlMap([.. result.Values], map.Mark);
    }

    /// <summary>One text value; of a list the first, as Travis. Null when there is none.</summary>
    public YamlScalar? One(string key, YamlNode node)
    {
        switch (node)
        {
            case YamlScalar scalar:
                return scalar.Text is null ? null : scalar;
            case YamlList { Items: [var first, ..] } list:
                findings.Warn(
                    list.Mark,
                    ProblemCode.UnexpectedList,
                    $"'{key}' takes one value and here is a list: the first counts",
                    $"write {key}: {(first is YamlScalar ? first : "value")}"
                );
                return One(key, first);
            case YamlMap map:
                findings.Warn(
                    map.Mark,
                    ProblemCode.WrongKind,
                    $"'{key}' takes one value and here is a mapping: left out"
                );
                return null;
            default:
                return null;
        }
    }

    /// <summary>A list of texts; one text is a list of one, lists in lists are laid flat (anchors make them).</summary>
    public YamlList? Texts(string key, YamlNode node)
    {
        var items = Flat(node).Select(item => One(key, item)).OfType<YamlNode>().ToImmutableArray();
        return items.IsEmpty ? null : new YamlList(items, node.Mark);
    }

    /// <summary>
    /// A list of commands. What YAML took for a mapping becomes the text it was written as, with a warning.
    /// </summary>
    public YamlList? Commands(string key, YamlNode node, bool keepEmpty)
    {
        var items = ImmutableArray.CreateBuilder<YamlNode>();
        foreach (var item in Flat(node))
        {
            if (item is YamlScalar { Text: not null })
                items.Add(item);
            else if (item is YamlMap map)
                items.AddRange(map.Entries.Select(entry => CommandOf(key, entry)));
        }

        // An included job says «nothing» by an empty list or value, and then nothing shared and no default takes its
        // place.
        var isNothing = items.Count == 0 && !(keepEmpty && node is (YamlList or YamlScalar { Text: null }));
        return isNothing ? null : new YamlList(items.ToImmutable(), node.Mark);
    }

    /// <summary>Yes or no as text <c>true</c> or <c>false</c>; null and a warning for anything else.</summary>
    public YamlScalar? Truth(string key, YamlNode node)
    {
        var value = One(key, node);
        if (value is null)
            return null;
        if (ValueTable.Truth(value.Text) is { } truth)
            return new YamlScalar(truth ? "true" : "false", true, value.Mark);
        findings.Warn(
            value.Mark,
            ProblemCode.BadValue,
            $"'{value.Text}' is not a truth: left out",
            $"write {key}: true or false"
        );
        return null;
    }

    /// <summary>A value of a table under its own name; one that no table knows is kept, as Travis does.</summary>
    public YamlScalar? Of(ValueTable table, string key, YamlNode node)
    {
        var value = One(key, node);
        if (value?.Text is not { } written)
            return null;
        var found = table.Find(written);
        if (found is null)
            findings.Warn(
                value.Mark,
                ProblemCode.UnknownValue,
                $"'{Short(written)}' is not a {key} that is known here"
            );
        else if (found != written && !table.Aliases.ContainsKey(written))
            findings.Warn(value.Mark, ProblemCode.UnknownValue, $"'{Short(written)}' is read as {key} '{found}'");
        return found is null || found == written ? value : new YamlScalar(found, true, value.Mark);
    }

    /// <summary>A list of values of a table.</summary>
    public YamlList? AllOf(ValueTable table, string key, YamlNode node)
    {
        var items = Flat(node).Select(item => Of(table, key, item)).OfType<YamlNode>().ToImmutableArray();
        return items.IsEmpty ? null : new YamlList(items, node.Mark);
    }

    /// <summary>
    /// The parts of a list with its lists laid flat; anything else is its own only part; nothing for null.
    /// </summary>
    public static IEnumerable<YamlNode> Flat(YamlNode node) =>
        node switch
        {
            YamlList list => list.Items.SelectMany(Flat),
            YamlScalar { Text: null } => [],
            _ => [node],
        };

    /// <summary>A stranger's text, short enough for a message.</summary>
    public static string Short(string text)
    {
        var clean = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
        return clean.Length <= 60 ? clean : clean[..57] + "...";
    }

    private YamlScalar CommandOf(string key, YamlEntry entry)
    {
        findings.Warn(
            entry.Mark,
            ProblemCode.CommandIsMap,
            $"a colon and a space make this command of '{key}' a YAML mapping; it is run as '{Short(Text())}'",
            "put quotes around the whole command"
        );
        return new YamlScalar(Text(), true, entry.Mark);

        string Text() => $"{entry.Key}: {entry.Value}".TrimEnd();
    }

    private void Mended(YamlEntry entry, string key, OrderedDictionary<string, YamlEntry> result, string where)
    {
        if (result.ContainsKey(key))
            findings.Warn(
                entry.Mark,
                ProblemCode.Overwritten,
                $"'{Short(entry.Key)}' means the same as '{key}', which stands here too: '{Short(entry.Key)}' counts",
                $"keep one of them"
            );
        else if (!KeyTable.Aliases.TryGetValue(entry.Key, out var alias) || alias != key)
            findings.Warn(
                entry.Mark,
                ProblemCode.MendedKey,
                $"'{Short(entry.Key)}' {where} is read as '{key}'",
                $"write {key}:"
            );
    }

    private void Unknown(YamlEntry entry, FrozenSet<string> known, string where)
    {
        if (entry.Key.StartsWith('_') || entry.Key.StartsWith("x-", StringComparison.Ordinal))
            return;
        var near = known
            .Select(key =>
                (Key: key, Shared: key.TakeWhile((c, at) => at < entry.Key.Length && entry.Key[at] == c).Count())
            )
            .Where(pair => pair.Shared >= 3)
            .OrderByDescending(pair => pair.Shared)
            .ThenBy(pair => pair.Key, StringComparer.Ordinal)
            .Select(pair => pair.Key)
            .FirstOrDefault();
        findings.Warn(
            entry.Mark,
            ProblemCode.UnknownKey,
            $"'{Short(entry.Key)}' means nothing {where}",
            near is null ? "a key that only holds an anchor may start with _" : $"did you mean {near}?"
        );
    }
}
