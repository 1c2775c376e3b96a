using System.Collections.Immutable;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Schema;

/// <summary>Gives values the shape their key has, and says where somebody wrote another one.</summary>
internal sealed class Shapes(Findings findings)
{
    /// <summary>
    /// The same map with its keys mended. Keys written as they are go first and mended ones win over them, so matrix:
    /// wins over jobs: in any order.
    /// </summary>
    public YamlMap Keys(YamlMap map, MapShape shape, string path)
    {
        if (map.Entries.All(entry => shape.Keys.ContainsKey(entry.Key) || IsPrivate(entry.Key)))
            return map;
        var result = new OrderedDictionary<string, YamlEntry>(StringComparer.Ordinal);
        var mended = new List<(YamlEntry Entry, string Key)>();
        foreach (var entry in map.Entries)
        {
            var key =
                shape.Keys.ContainsKey(entry.Key) || IsPrivate(entry.Key)
                    ? entry.Key
                    : KeyRepair.Find(entry.Key, shape);
            if (key == entry.Key || key is null)
                result[entry.Key] = entry;
            else
                mended.Add((entry, key));
        }

        foreach (var (entry, key) in mended)
        {
            Mended(entry, key, result, shape, path);
            result[key] = entry with { Key = key };
        }

        return new YamlMap([.. result.Values], map.Mark);
    }

    /// <summary>Says of every key that is not known that it means nothing.</summary>
    public void TellUnknown(YamlMap map, MapShape shape, string path)
    {
        foreach (var entry in map.Entries)
        {
            if (shape.Keys.ContainsKey(entry.Key))
            {
                if (path.Length == 0 && entry.Key is "name" or "stage")
                    findings.Warn(
                        entry.Mark,
                        ProblemCode.UnknownKey,
                        $"'{entry.Key}' at the top level is given to every job",
                        "write it at the jobs of jobs.include",
                        entry.Key
                    );
            }
            else if (entry.Value is not YamlScalar { Text: null } && !IsPrivate(entry.Key))
            {
                Unknown(entry, shape, path);
            }
        }
    }

    public void Picked(YamlList list, string path) =>
        findings.Warn(
            list.Mark,
            ProblemCode.UnexpectedList,
            $"'{Last(path)}' takes one value and here is a list: the first counts",
            list.Items[0] is YamlScalar first ? $"write {Last(path)}: {Short(first.Text ?? "")}" : null,
            path
        );

    /// <summary>Nothing says of which kind this is: it stays as it is.</summary>
    public YamlNode Undetected(YamlNode node, AnyShape any, string path)
    {
        var key = any.DetectedBy;
        findings.Warn(
            node.Mark,
            ProblemCode.UnknownValue,
            $"the {key} of '{Last(path)}' is missing or is none that is known",
            null,
            path
        );
        return node is YamlMap map && any.Options[0] is AnyShape { Options: [MapShape first, ..] }
            ? Keys(map, first, path)
            : node;
    }

    public void WrongKind(YamlNode node, string path, string wanted) =>
        findings.Warn(
            node.Mark,
            ProblemCode.WrongKind,
            $"'{Last(path)}' takes {wanted}, and this is none: left out",
            null,
            path
        );

    /// <summary>
    /// A list of commands. What YAML took for a mapping becomes the text it was written as, with a warning.
    /// </summary>
    public YamlList Commands(string key, YamlNode node)
    {
        var items = ImmutableArray.CreateBuilder<YamlNode>();
        foreach (var item in Flat(node))
        {
            if (item is YamlScalar { Text: not null } scalar)
                items.Add(Scalars.AsText(scalar));
            else if (item is YamlMap map)
                items.AddRange(map.Entries.Select(entry => CommandOf(key, entry)));
        }

        // A job says «nothing» by an empty list or text, and then nothing shared and no default takes its place.
        return new YamlList(items.ToImmutable(), node.Mark);
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

    private void Mended(
        YamlEntry entry,
        string key,
        OrderedDictionary<string, YamlEntry> result,
        MapShape shape,
        string path
    )
    {
        var where = Where(path);
        if (result.ContainsKey(key))
            findings.Warn(
                entry.Mark,
                ProblemCode.Overwritten,
                $"'{Short(entry.Key)}' means the same as '{key}', which stands here too: '{Short(entry.Key)}' counts",
                "keep one of them",
                path
            );
        else if (!shape.Aliases.TryGetValue(entry.Key, out var alias) || alias != key)
            findings.Warn(
                entry.Mark,
                ProblemCode.MendedKey,
                $"'{Short(entry.Key)}' {where} is read as '{key}'",
                $"write {key}:",
                path
            );
    }

    private void Unknown(YamlEntry entry, MapShape shape, string path)
    {
        if (entry.Key.StartsWith("x-", StringComparison.Ordinal))
            return;
        var near = shape
            .Keys.Keys.Select(key =>
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
            $"'{Short(entry.Key)}' means nothing {Where(path)}",
            near is null ? "a key that only holds an anchor may start with _" : $"did you mean {near}?",
            path.Length == 0 ? entry.Key : $"{path}.{entry.Key}"
        );
    }

    private static bool IsPrivate(string key) => key.StartsWith('_') || key.StartsWith('.');

    private static string Where(string path) => path.Length == 0 ? "at the top level" : $"in '{path}'";

    private static string Last(string path) => path[(path.LastIndexOf('.') + 1)..];
}
