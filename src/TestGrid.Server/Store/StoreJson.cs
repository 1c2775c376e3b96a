using System.Collections.Immutable;
using System.Text.Json.Serialization;
using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Grids;
using TestGrid.Core.Orders;
using TestGrid.Runner.Link;

namespace TestGrid.Server.Store;

/// <summary>How structured values stand in a column or a message.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true
)]
[JsonSerializable(typeof(JobOrder))]
[JsonSerializable(typeof(PullRequest))]
[JsonSerializable(typeof(ImmutableArray<ConfigProblem>))]
[JsonSerializable(typeof(ImmutableArray<AxisValue>))]
[JsonSerializable(typeof(ImmutableArray<string>))]
[JsonSerializable(typeof(StoredCredential))]
[JsonSerializable(typeof(RunnerOffer))]
internal sealed partial class StoreJson : JsonSerializerContext;

/// <summary>A git credential before it is sealed: a user and a password, or a key and its known hosts.</summary>
internal sealed record StoredCredential(string? User, string? Secret, string? PrivateKey, string? KnownHosts)
{
    public override string ToString() => nameof(StoredCredential); // its parts stand in no message
}
