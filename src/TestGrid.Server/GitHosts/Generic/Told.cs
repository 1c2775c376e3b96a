using System.Text.Json.Serialization;

namespace TestGrid.Server.GitHosts.Generic;

// What a generic delivery says; nothing of it leaves GenericHost.
internal sealed record Told(
    string? Event,
    string? Ref,
    string? Branch,
    string? Sha,
    string? Before,
    string? Message,
    string? Author
);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Told))]
internal sealed partial class GenericJson : JsonSerializerContext;
