using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Imports;

/// <summary>
/// Merges an imported tree under the one that imports it, as Travis does: before either is brought to one shape. What
/// is a single value in both is the importing one's.
/// </summary>
internal static class TreeMerge
{
    /// <param name="over">The importing tree; it wins.</param>
    /// <param name="under">The imported one.</param>
    /// <param name="mode">
    /// <c>merge</c>: keys of the top level. <c>deep_merge</c>: mappings inside mappings too. <c>deep_merge_append</c>:
    /// lists also, the importing one's items after the imported one's; <c>deep_merge_prepend</c>: before them.
    /// </param>
    public static YamlMap Of(YamlMap over, YamlMap under, string mode) =>
        new(
            [
                .. over.Entries.Select(entry =>
                    under[entry.Key] is { } other ? entry with { Value = Value(entry.Value, other, mode) } : entry
                ),
                .. under.Entries.Where(entry => !over.Has(entry.Key)),
            ],
            over.Mark
        );

    private static YamlNode Value(YamlNode over, YamlNode under, string mode) =>
        (over, under, mode) switch
        {
            (_, _, "merge") => over,
            (YamlMap map, YamlMap other, _) => Of(map, other, mode),
            (YamlList list, YamlList other, "deep_merge_append") => Joined(other, list, list.Mark),
            (YamlList list, YamlList other, "deep_merge_prepend") => Joined(list, other, list.Mark),
            _ => over,
        };

    private static YamlList Joined(YamlList first, YamlList second, YamlMark mark) =>
        new([.. first.Items, .. second.Items], mark);
}
