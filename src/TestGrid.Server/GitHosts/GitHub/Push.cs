using System.Text.Json.Serialization;

namespace TestGrid.Server.GitHosts.GitHub;

// GitHub's words stay in this folder: only what we read, and nothing that leaves GitHubHost.
internal sealed record Push(
    string? Ref,
    string? Before,
    string? After,
    bool Deleted,
    string? Compare,
    PushCommit? HeadCommit,
    PushPerson? Pusher
);

internal sealed record PushCommit(string? Id, string? Message, PushPerson? Author);

internal sealed record PushPerson(string? Name);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Push))]
internal sealed partial class GitHubJson : JsonSerializerContext;
