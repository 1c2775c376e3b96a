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

internal sealed record PullDelivery(string? Action, int Number, Pull? PullRequest);

internal sealed record Pull(PullEnd? Head, PullEnd? Base, bool Draft, string? HtmlUrl, PullPerson? User);

internal sealed record PullEnd(string? Ref, string? Sha, PullRepository? Repo);

internal sealed record PullRepository(string? FullName);

internal sealed record PullPerson(string? Login);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Push))]
[JsonSerializable(typeof(PullDelivery))]
internal sealed partial class GitHubJson : JsonSerializerContext;
