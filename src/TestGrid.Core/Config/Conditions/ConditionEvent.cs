using System.Collections.Immutable;
using TestGrid.Core.Builds;

namespace TestGrid.Core.Config.Conditions;

/// <summary>What conditions can know of the event that a build is for.</summary>
/// <param name="Type"><c>push</c>, <c>pull_request</c>, <c>api</c> or <c>cron</c>.</param>
/// <param name="Repo">The repository's <c>owner/name</c>.</param>
/// <param name="Branch">The pushed branch; of a pull request the one it goes to; of a tag its name.</param>
public sealed record ConditionEvent(string Type, string Repo, string? Branch)
{
    public string? Tag { get; init; }

    public string? CommitMessage { get; init; }

    public string? Sender { get; init; }

    public string? Fork { get; init; } = "false";

    public string? Draft { get; init; }

    /// <summary>Of a pull request only.</summary>
    public string? HeadRepo { get; init; }

    /// <summary>Of a pull request only.</summary>
    public string? HeadBranch { get; init; }

    /// <summary>Variables of the repository's settings that are no secrets.</summary>
    public ImmutableDictionary<string, string> Env { get; init; } = ImmutableDictionary<string, string>.Empty;

    public static ConditionEvent Of(Trigger trigger, string slug) =>
        new(trigger.EventType, slug, trigger.Branch ?? trigger.Commit.Tag)
        {
            Tag = trigger.Commit.Tag,
            CommitMessage = trigger.Commit.Message,
            Sender = trigger.Commit.Author,
            Fork = trigger.PullRequest is { IsFork: true } ? "true" : "false",
            Draft = trigger.PullRequest is { } pull ? (pull.IsDraft ? "true" : "false") : null,
            HeadRepo = trigger.PullRequest?.HeadSlug,
            HeadBranch = trigger.PullRequest?.HeadBranch,
        };

    /// <summary>The value of an attribute of the event; null for those of jobs.</summary>
    public string? Fact(string name) =>
        name switch
        {
            "type" => Type,
            "repo" => Repo,
            "branch" => Branch,
            "tag" => Tag,
            "commit_message" => CommitMessage,
            "sender" => Sender,
            "fork" => Fork,
            "draft" => Draft,
            "head_repo" => HeadRepo,
            "head_branch" => HeadBranch,
            _ => null,
        };
}
