using System.Collections.Immutable;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Schema;

/// <summary>The forms of <c>cache</c>: a name, a folder, a list of both, or a mapping.</summary>
internal static class CacheShape
{
    public static YamlNode Of(MapShape shape, YamlNode node, Scalars scalars) =>
        node switch
        {
            YamlScalar { IsTruth: false, Text: { Length: > 0 } } scalar => Named(shape, scalar, scalars),
            YamlList list => Parts(shape, list),
            _ => node,
        };

    private static YamlMap Named(MapShape shape, YamlScalar scalar, Scalars scalars)
    {
        var name = shape.Truths.Contains(scalar.Text!) ? scalar.Text : KeyRepair.Nearest(scalar.Text!, shape.Truths);
        if (name is null)
            return Map([new YamlEntry("directories", scalar.Mark, new YamlList([scalar], scalar.Mark))], scalar);
        if (name != scalar.Text)
            scalars.TellMended(scalar, name, "cache");
        return Map([Entry(name, scalar)], scalar);
    }

    private static YamlMap Parts(MapShape shape, YamlList list)
    {
        var entries = new OrderedDictionary<string, YamlEntry>(StringComparer.Ordinal);
        var folders = ImmutableArray.CreateBuilder<YamlNode>();
        foreach (var item in Shapes.Flat(list))
        {
            if (item is YamlScalar { Text: { } name } scalar)
            {
                if (shape.Truths.Contains(name))
                    entries[name] = Entry(name, scalar);
                else
                    folders.Add(scalar);
            }
            else if (item is YamlMap map)
            {
                foreach (var entry in map.Entries)
                {
                    if (entry.Key == "directories")
                        folders.AddRange(Shapes.Flat(entry.Value));
                    else
                        entries[entry.Key] = entry;
                }
            }
        }

        if (folders.Count > 0)
            entries["directories"] = new YamlEntry(
                "directories",
                list.Mark,
                new YamlList(folders.ToImmutable(), list.Mark)
            );
        return new YamlMap([.. entries.Values], list.Mark);
    }

    private static YamlEntry Entry(string key, YamlScalar at) => new(key, at.Mark, YamlScalar.Truth(true, at.Mark));

    private static YamlMap Map(IEnumerable<YamlEntry> entries, YamlNode at) => new([.. entries], at.Mark);
}
