using System.Text.Json;

namespace TestGrid.Server.GitHosts;

/// <summary>
/// Finds the one word in an unverified body that says whose secret to check it with. It reads tokens in one pass, keeps
/// nothing, and stops at the first answer: the body is a stranger's, and up to 25 MB.
/// </summary>
public static class RepositoryScan
{
    private const int NameMax = 256;

    /// <summary>The text at <c>repository.full_name</c>, or at <c>repository</c> itself, or null.</summary>
    public static string? FullName(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 64 });
        try
        {
            if (!reader.Read() || reader.TokenType is not JsonTokenType.StartObject)
                return null;
            while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
            {
                var here = reader.ValueTextEquals("repository"u8);
                reader.Read();
                if (!here)
                {
                    reader.Skip();
                    continue;
                }
                return reader.TokenType switch
                {
                    JsonTokenType.String => Text(ref reader),
                    JsonTokenType.StartObject => InRepository(ref reader),
                    _ => null,
                };
            }
        }
        catch (JsonException) { }
        return null;
    }

    private static string? InRepository(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            var here = reader.ValueTextEquals("full_name"u8);
            reader.Read();
            if (here)
                return reader.TokenType is JsonTokenType.String ? Text(ref reader) : null;
            reader.Skip();
        }
        return null;
    }

    private static string? Text(ref Utf8JsonReader reader)
    {
        if (reader.ValueSpan.Length > NameMax)
            return null;
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null; // not UTF-8 inside
        }
    }
}
