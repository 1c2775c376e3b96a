using System.Text.Json;
using System.Text.Json.Serialization;
using TestGrid.Core.Orders;
using TestGrid.Runner.Link;

namespace TestGrid.Runner.Queues.Http;

/// <summary>How an order comes over HTTP.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true
)]
[JsonSerializable(typeof(JobOrder))]
[JsonSerializable(typeof(Done))]
public sealed partial class HttpOrderJson : JsonSerializerContext;
