using System.Collections.Immutable;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Schema;

/// <summary>
/// Brings a value to the shape of its place, as Travis does: keys and values that were meant, lists where lists are
/// meant, nothing where the value cannot be taken. First everything is changed that can be (<see cref="Change"/>),
/// then what still does not fit is left out (<see cref="Check"/>).
/// </summary>
internal sealed class Normalizer(Findings findings)
{
    private readonly Scalars scalars = new(findings);
    private readonly Shapes shapes = new(findings);
    private readonly EnvShape env = new(findings);

    /// <summary>The value in its place's shape; null when nothing of it is left.</summary>
    /// <param name="shape">The place's shape.</param>
    /// <param name="node">What is written there.</param>
    /// <param name="path">The place, as keys with dots: for messages.</param>
    public YamlNode? Normal(Shape shape, YamlNode node, string path) => Check(shape, Change(shape, node, path), path);

    private YamlNode Change(Shape shape, YamlNode node, string path) =>
        node is YamlScalar { Text: null }
            ? IsList(shape)
                ? new YamlList([], node.Mark)
                : node
            : shape switch
            {
                AnyShape any => ChangeAny(any, node, path),
                ListShape list => ChangeList(list, node, path),
                MapShape map => ChangeMap(map, node, path),
                TextShape or TruthShape or NumberShape or SecretShape => ChangeScalar(shape, node, path),
                _ => node,
            };

    private YamlNode ChangeAny(AnyShape any, YamlNode node, string path)
    {
        var targets = Targets(any, node);
        if (targets.Length == 0)
            return node is YamlScalar { IsTruth: false } ? MapForms.One(any.DetectedBy!, node) : node;
        if (targets.Length == 1)
            return Change(targets[0], node, path);
        foreach (var target in targets)
        {
            var before = findings.Count;
            var changed = Change(target, node, path);
            if (Matches(target, changed))
                return changed;
            findings.Forget(before);
        }

        return node;
    }

    private static Shape[] Targets(AnyShape any, YamlNode node)
    {
        if (any.DetectedBy is not { } key)
            return any.Targets;
        var named = node switch
        {
            YamlMap map => (map[key] as YamlScalar)?.Text,
            YamlScalar scalar => scalar.Text,
            _ => null,
        };
        return named is not null && any.Options.FirstOrDefault(option => Names(option, key, named)) is { } option
            ? [option]
            : [];
    }

    private static bool IsList(Shape shape) =>
        shape is ListShape || (shape is AnyShape { Targets: [ListShape], DetectedBy: null });

    private static bool Names(Shape shape, string key, string name) =>
        shape is AnyShape any
        && any.Options.OfType<MapShape>().FirstOrDefault()?.Keys.GetValueOrDefault(key)
            is TextShape { Values: { } values }
        && (values.Known.Contains(name) || KeyRepair.Nearest(name, values.Known) is not null);

    private YamlList ChangeList(ListShape shape, YamlNode node, string path)
    {
        if (node is not YamlList list)
            return new YamlList([Change(shape.Item, node, path)], node.Mark);
        var items = list.Items.All(item => item is not YamlList) ? list.Items : [.. Shapes.Flat(list)];
        YamlNode[]? changed = null;
        for (var i = 0; i < items.Length; i++)
        {
            var item = Change(shape.Item, items[i], path);
            if (changed is null && !ReferenceEquals(item, items[i]))
                changed = [.. items];
            changed?[i] = item;
        }

        return changed is not null ? new YamlList(ImmutableArray.Create(changed), list.Mark)
            : items == list.Items ? list
            : new YamlList(items, list.Mark);
    }

    private YamlNode ChangeMap(MapShape shape, YamlNode node, string path)
    {
        var isMap = node is YamlMap;
        if (shape.IsStrict && node is YamlMap written && !Scalars.IsSecret(written))
            node = shapes.Keys(written, shape, path);
        if (shape.IsCache)
            node = CacheShape.Of(shape, node, scalars);
        if (shape.IsSwitch && node is YamlScalar { Text: { } word } && ValueTable.NearTruth(word) is { } isOn)
            node = MapForms.One("enabled", YamlScalar.Truth(isOn, node.Mark));
        if (!MapForms.IsOnlyPart(shape, node))
            node = MapForms.Prefixed(shape, node);
        if (node is YamlList { Items: [YamlMap first, ..] } list)
        {
            shapes.Picked(list, path);
            return ChangeMap(shape, first, path);
        }

        if (node is not YamlMap map || (Scalars.IsSecret(map) && !shape.Keys.ContainsKey("secure")))
            return node;
        if (shape.IsSwitch && map.Entry("disabled") is { } disabled)
            map = MapForms.Enabled(map, disabled);
        if (shape.Inherited.Length > 0)
            map = Inherit(shape, map, path);
        if (shape.Default is { } given && isMap && !map.Has(given.Key))
            map = map.With(given.Key, new YamlScalar(given.Value, false, map.Mark));
        return Values(shape, map, path, Change);
    }

    /// <summary>What is said once for all goes to each, and is no key of its own then.</summary>
    private YamlMap Inherit(MapShape shape, YamlMap map, string path)
    {
        var shared = map.Where(entry => shape.Inherited.Contains(entry.Key));
        if (shared.IsEmpty)
            return map;
        var entries = map
            .Entries.Where(entry => !shape.Inherited.Contains(entry.Key))
            .Select(entry =>
            {
                var value =
                    IsOne(entry.Value) && shape.Keys.TryGetValue(entry.Key, out var known)
                        ? Change(known, entry.Value, $"{path}.{entry.Key}")
                        : entry.Value;
                return entry with
                {
                    Value =
                        value is YamlList list ? Each(list)
                        : value is YamlMap one ? Over(one)
                        : value,
                };
            });
        return new YamlMap([.. entries], map.Mark);

        static bool IsOne(YamlNode value) => value is YamlScalar || (value is YamlMap one && Scalars.IsSecret(one));

        YamlList Each(YamlList list) =>
            new([.. list.Items.Select(item => item is YamlMap one ? Over(one) : item)], list.Mark);

        YamlNode Over(YamlMap one) => one.Over(shared);
    }

    private static YamlMap Values(
        MapShape shape,
        YamlMap map,
        string path,
        Func<Shape, YamlNode, string, YamlNode?> apply
    )
    {
        ImmutableArray<YamlEntry>.Builder? changed = null;
        for (var i = 0; i < map.Entries.Length; i++)
        {
            var entry = map.Entries[i];
            var known = shape.Keys.GetValueOrDefault(entry.Key) ?? (shape.IsStrict ? null : shape.Open);
            var value = known is null ? entry.Value : apply(known, entry.Value, Path(path, entry.Key));
            if (changed is null && !ReferenceEquals(value, entry.Value))
            {
                changed = ImmutableArray.CreateBuilder<YamlEntry>(map.Entries.Length);
                changed.AddRange(map.Entries, i);
            }

            if (value is not null)
                changed?.Add(ReferenceEquals(value, entry.Value) ? entry : entry with { Value = value });
        }

        return changed is null ? map : new YamlMap(changed.ToImmutable(), map.Mark);
    }

    private YamlNode ChangeScalar(Shape shape, YamlNode node, string path)
    {
        if (node is not YamlList list)
            return node is YamlScalar scalar ? scalars.Cast(shape, scalar, path) : node;
        if (list.Items.IsEmpty)
            return list;
        var before = findings.Count;
        var first = Change(shape, list.Items[0], path);
        if (!Matches(shape, first))
        {
            findings.Forget(before);
            return list;
        }

        shapes.Picked(list, path);
        return first;
    }

    private static bool Matches(Shape shape, YamlNode node) =>
        node is YamlScalar { Text: null }
        || shape switch
        {
            AnyShape any => any.Options.Any(option => Matches(option, node)),
            ListShape list => node is YamlList { Items: var items } && items.All(item => Matches(list.Item, item)),
            MapShape => node is YamlMap written && !Scalars.IsSecret(written),
            _ => Scalars.Fits(shape, node),
        };

    private YamlNode? Check(Shape shape, YamlNode node, string path)
    {
        if (
            node is YamlScalar { Text: null }
            && shape is not CommandsShape
            && !(shape is VariablesShape { IsJob: true })
        )
            return null;
        switch (shape)
        {
            case AnyShape any:
                var targets = Targets(any, node);
                if (targets.Length == 0)
                    return shapes.Undetected(node, any, path);
                return Check(targets.FirstOrDefault(target => Matches(target, node)) ?? targets[0], node, path);
            case ListShape list:
                return CheckList(list, node, path);
            case MapShape map:
                return CheckMap(map, node, path);
            case VariablesShape variables:
                return variables.IsJob ? env.InJob(node) : env.AtRoot(node);
            case CommandsShape:
                return shapes.Commands(path, node);
            default:
                return scalars.Checked(shape, node, path);
        }
    }

    private YamlNode CheckList(ListShape shape, YamlNode node, string path)
    {
        if (node is not YamlList list)
        {
            shapes.WrongKind(node, path, "a list");
            return node;
        }

        ImmutableArray<YamlNode>.Builder? kept = null;
        for (var i = 0; i < list.Items.Length; i++)
        {
            var item = Check(shape.Item, list.Items[i], path);
            if (kept is null && !ReferenceEquals(item, list.Items[i]))
            {
                kept = ImmutableArray.CreateBuilder<YamlNode>(list.Items.Length);
                kept.AddRange(list.Items, i);
            }

            if (item is not null)
                kept?.Add(item);
        }

        return kept is null ? list : new YamlList(kept.ToImmutable(), list.Mark);
    }

    private YamlNode? CheckMap(MapShape shape, YamlNode node, string path)
    {
        if (node is YamlMap map && (!Scalars.IsSecret(map) || shape.Keys.ContainsKey("secure") || !shape.IsStrict))
        {
            if (shape.IsStrict)
                shapes.TellUnknown(map, shape, path);
            var values = Values(shape, map, path, Check);
            if (shape.IsStrict && values.Entries.Any(entry => entry.Value is YamlScalar { Text: null }))
                values = values.Where(entry => entry.Value is not YamlScalar { Text: null });
            return values.IsEmpty && !shape.IsEmptyKept ? null : values;
        }

        if (node is YamlScalar { Text: "" } or YamlList { Items: [] })
            return null;
        shapes.WrongKind(node, path, "a mapping");
        return node;
    }

    private static string Path(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";
}
