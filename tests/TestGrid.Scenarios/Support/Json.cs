using System.Text.Json;

namespace TestGrid.Scenarios.Support;

internal static class Json
{
    extension(JsonElement element)
    {
        /// <summary>A property's text, or null where it is not there.</summary>
        public string? Text(string name) =>
            element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String
                ? value.GetString()
                : null;

        /// <summary>A property's texts; none where it is not there.</summary>
        public IEnumerable<string> Texts(string name) =>
            element.TryGetProperty(name, out var value) ? value.EnumerateArray().Select(one => one.GetString()!) : [];
    }
}
