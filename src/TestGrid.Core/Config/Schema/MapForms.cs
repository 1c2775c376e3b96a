using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Schema;

/// <summary>The ways to write less than a whole mapping, and which mapping is meant by them.</summary>
internal static class MapForms
{
    public static YamlNode Prefixed(MapShape shape, YamlNode node)
    {
        if (shape.Prefix is not { } prefix || (shape.IsPrefixForTexts && node is not YamlScalar))
            return node;
        if (node is YamlMap map && !Scalars.IsSecret(map))
        {
            var others = map.Where(entry => !shape.Keys.ContainsKey(entry.Key));
            return map.Has(prefix) || others.IsEmpty || !Takes(shape.Keys[prefix], others)
                ? map
                : map.Where(entry => shape.Keys.ContainsKey(entry.Key)).With(prefix, others);
        }

        return Takes(shape.Keys[prefix], node) ? One(prefix, node) : node;
    }

    /// <summary>Could this be brought to the shape?</summary>
    private static bool Takes(Shape shape, YamlNode node) =>
        shape switch
        {
            AnyShape any => any.Options.Any(option => Takes(option, node)),
            ListShape list => node is YamlList several
                ? several.Items.All(item => item is YamlScalar { Text: null } || Takes(list.Item, item))
                : Takes(list.Item, node),
            MapShape map => (
                node is YamlMap one && !Scalars.IsSecret(one) && one.Entries.All(entry => IsKnown(map, entry.Key))
            )
                || (map.IsSwitch && node is YamlScalar { IsTruth: true })
                || (map.Prefix is { } prefix && node is not YamlMap && Takes(map.Keys[prefix], node)),
            SecretShape => node is YamlScalar || (node is YamlMap secret && Scalars.IsSecret(secret)),
            _ => node is YamlScalar,
        };

    // `notifications: [{email: false}]` is a list of one such mapping, and `jobs: [{env: A=1}]` one of parts of it.
    public static bool IsOnlyPart(MapShape shape, YamlNode node) =>
        node is YamlList { Items: [YamlMap first, ..] }
        && first.Entries.Any(entry => shape.Keys.ContainsKey(entry.Key));

    private static bool IsKnown(MapShape map, string key) =>
        !map.IsStrict || map.Keys.ContainsKey(key) || map.Aliases.ContainsKey(key) || key.StartsWith('_');

    public static YamlMap Enabled(YamlMap map, YamlEntry disabled)
    {
        var rest = map.Where(entry => entry.Key != "disabled");
        return rest.Has("enabled") || ValueTable.Truth((disabled.Value as YamlScalar)?.Text) is not { } truth
            ? rest
            : rest.With("enabled", YamlScalar.Truth(!truth, disabled.Mark));
    }

    public static YamlMap One(string key, YamlNode value) => new([new YamlEntry(key, value.Mark, value)], value.Mark);
}
