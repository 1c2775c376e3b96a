using System.Collections.Immutable;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Matrix;

/// <summary>Leaves out the notifications whose condition does not hold for this build.</summary>
internal static class NotificationFilter
{
    public static YamlMap Kept(YamlMap root, MatrixConditions conditions)
    {
        if (root["notifications"] is not YamlMap notifications || !notifications.Entries.Any(HasCondition))
            return root;
        var kept = notifications.Entries.Select(entry =>
            entry.Value is YamlList list
                ? entry with
                {
                    Value = new YamlList([.. list.Items.Where(item => Holds(item, root, conditions))], list.Mark),
                }
                : entry
        );
        return root.With("notifications", new YamlMap([.. kept], notifications.Mark));
    }

    private static bool HasCondition(YamlEntry entry) =>
        entry.Value is YamlList list && list.Items.Any(item => item is YamlMap map && map.Has("if"));

    private static bool Holds(YamlNode item, YamlMap root, MatrixConditions conditions) =>
        item is not YamlMap map || conditions.Holds(map["if"], root, Variables(root));

    // As for stages: all variables of the file.
    private static ImmutableArray<YamlNode> Variables(YamlMap root) =>
        (root["env"] as YamlMap)?["jobs"] is YamlList list ? list.Items : [];
}
