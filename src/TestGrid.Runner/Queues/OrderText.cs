using System.Text.Json;
using System.Text.Json.Serialization;
using TestGrid.Core.Orders;

namespace TestGrid.Runner.Queues;

/// <summary>How an order stands in a message.</summary>
public static class OrderText
{
    public static byte[] Write(JobOrder order) =>
        JsonSerializer.SerializeToUtf8Bytes(order, OrderJson.Default.JobOrder);

    /// <summary>Reads an order that may have been written by anybody.</summary>
    /// <exception cref="FormatException">It is none; the message says why, in words fit for a log.</exception>
    public static JobOrder Read(ReadOnlySpan<byte> text)
    {
        JobOrder? order;
        try
        {
            order = JsonSerializer.Deserialize(text, OrderJson.Default.JobOrder);
        }
        catch (Exception e)
        {
            // Whatever it is: an exception that passed from here would bring the message back for ever. The reader's
            // own words may quote what stands in it: its place is enough.
            throw new FormatException(
                e is JsonException { Path: { } path } wrong
                    ? $"it is no job order: see {path}, line {wrong.LineNumber + 1}, byte {wrong.BytePositionInLine + 1}"
                    : "it is no job order"
            );
        }
        // A part that is missing is null here whatever its type says.
        string? missing = order switch
        {
            null => "everything",
            { Id.Build: < 1 } => "id",
            { Repository: null } => "repository",
            { Trigger: null } => "trigger",
            { Config: null } => "config",
            { Limits: null } => "limits",
            _ => null,
        };
        return missing is null ? order! : throw new FormatException($"it is no job order: {missing} is missing");
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    UseStringEnumConverter = true
)]
[JsonSerializable(typeof(JobOrder))]
internal sealed partial class OrderJson : JsonSerializerContext;
