using System.Text.Json.Nodes;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Conformance;

/// <summary>A configuration in Travis's normal form, as JSON: what <c>config.json</c> of a build was there.</summary>
internal static class NormalForm
{
    /// <summary>The top level, with the defaults that Travis writes into it.</summary>
    public static JsonObject Of(YamlMap root)
    {
        var form = (JsonObject)Of((YamlNode)root)!;
        // What is imported is merged by then.
        form.Remove("import");
        return form;
    }

    public static JsonNode? Of(YamlNode? node) =>
        node switch
        {
            YamlList list => new JsonArray([.. list.Items.Select(Of)]),
            YamlMap map => new JsonObject(map.Entries.Select(entry => KeyValuePair.Create(entry.Key, Of(entry.Value)))),
            YamlScalar { IsTruth: true } truth => JsonValue.Create(truth.Text is "true" or "True" or "TRUE"),
            YamlScalar { IsNumber: true } or YamlScalar { IsInteger: true } => JsonNode.Parse(node.ToString()!),
            YamlScalar { Text: { } text } => JsonValue.Create(text),
            _ => null,
        };

    /// <summary>One text for equal values: keys in order, nothing else changed.</summary>
    public static string Text(JsonNode? node) => Sorted(node)?.ToJsonString() ?? "null";

    private static JsonNode? Sorted(JsonNode? node) =>
        node switch
        {
            JsonObject map => new JsonObject(
                map.OrderBy(pair => pair.Key, StringComparer.Ordinal)
                    .Select(pair => KeyValuePair.Create(pair.Key, Sorted(pair.Value)))
            ),
            JsonArray list => new JsonArray([.. list.Select(Sorted)]),
            _ => node?.DeepClone(),
        };
}
