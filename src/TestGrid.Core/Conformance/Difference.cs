using System.Text.Json.Nodes;

namespace TestGrid.Core.Conformance;

/// <summary>Finds the first place where two JSON values differ.</summary>
internal static class Difference
{
    private const int Most = 160;

    public static (string Key, string Ours, string Theirs)? First(JsonNode? ours, JsonNode? theirs, string path = "")
    {
        switch (ours, theirs)
        {
            case (JsonObject left, JsonObject right):
                foreach (
                    var key in left.Select(pair => pair.Key)
                        .Union(right.Select(pair => pair.Key))
                        .Order(StringComparer.Ordinal)
                )
                {
                    var at = path.Length == 0 ? key : $"{path}.{key}";
                    if (left.ContainsKey(key) != right.ContainsKey(key))
                        return (
                            at,
                            left.ContainsKey(key) ? Short(left[key]) : "nothing",
                            right.ContainsKey(key) ? Short(right[key]) : "nothing"
                        );
                    if (First(left[key], right[key], at) is { } found)
                        return found;
                }

                return null;
            case (JsonArray left, JsonArray right) when left.Count == right.Count:
                for (var i = 0; i < left.Count; i++)
                {
                    if (First(left[i], right[i], path) is { } found)
                        return found;
                }

                return null;
            default:
                return JsonNode.DeepEquals(ours, theirs) ? null : (path, Short(ours), Short(theirs));
        }
    }

    public static string Short(JsonNode? node)
    {
        var text = node?.ToJsonString() ?? "null";
        return text.Length <= Most ? text : text[..Most] + "…";
    }
}
