using System.Collections.Immutable;

namespace TestGrid.Core.Yaml;

/// <summary>One key of a mapping, its place, and its value.</summary>
public sealed record YamlEntry(string Key, YamlMark Mark, YamlNode Value);

/// <summary>A mapping, in the order of the file; keys are unique.</summary>
public sealed class YamlMap : YamlNode
{
    private readonly Dictionary<string, int> index;

    public YamlMap(ImmutableArray<YamlEntry> entries, YamlMark mark)
        : base(mark)
    {
        Entries = entries;
        index = new Dictionary<string, int>(entries.Length, StringComparer.Ordinal);
        for (var i = 0; i < entries.Length; i++)
            index.Add(entries[i].Key, i);
        Weight = 1 + entries.Sum(entry => 1 + entry.Value.Weight);
        Depth = 1 + entries.Select(entry => entry.Value.Depth).DefaultIfEmpty().Max();
    }

    public ImmutableArray<YamlEntry> Entries { get; }

    public override long Weight { get; }

    public override int Depth { get; }

    public bool IsEmpty => Entries.IsEmpty;

    /// <summary>The value at a key, or null when there is no such key.</summary>
    public YamlNode? this[string key] => index.TryGetValue(key, out var at) ? Entries[at].Value : null;

    public bool Has(string key) => index.ContainsKey(key);

    /// <summary>The entry at a key, or null.</summary>
    public YamlEntry? Entry(string key) => index.TryGetValue(key, out var at) ? Entries[at] : null;

    /// <summary>The same with one key set: in its old place, or at the end.</summary>
    public YamlMap With(string key, YamlNode value)
    {
        var entry = new YamlEntry(key, value.Mark, value);
        return new YamlMap(index.TryGetValue(key, out var at) ? Entries.SetItem(at, entry) : Entries.Add(entry), Mark);
    }

    /// <summary>Only the entries that <paramref name="keep"/> says yes to.</summary>
    public YamlMap Where(Func<YamlEntry, bool> keep) => new(Entries.Where(keep).ToImmutableArray(), Mark);

    /// <summary>These keys over the other's: a key of this map wins whole; nothing is merged inside a value.</summary>
    public YamlMap Over(YamlMap under) =>
        new(
            [
                .. under.Entries.Select(entry => Entry(entry.Key) ?? entry),
                .. Entries.Where(entry => !under.Has(entry.Key)),
            ],
            Mark
        );

    public override string ToString() =>
        "{" + string.Join(", ", Entries.Select(entry => $"{entry.Key}: {entry.Value}")) + "}";

    protected override bool SameAs(YamlNode other) =>
        other is YamlMap map
        && map.Entries.Length == Entries.Length
        && Entries.All(entry => map[entry.Key] is { } value && value.Equals(entry.Value));

    protected override int Hash() =>
        // A sum, so that the order of the keys does not matter.
        Entries.Aggregate(2, (sum, entry) => unchecked(sum + HashCode.Combine(entry.Key, entry.Value)));
}
