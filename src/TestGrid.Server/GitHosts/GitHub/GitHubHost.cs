using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using TestGrid.Core.Builds;

namespace TestGrid.Server.GitHosts.GitHub;

/// <summary>GitHub, github.com or a company's own, and whoever speaks like it.</summary>
public sealed class GitHubHost : IGitHost
{
    public string Name => "github";

    public string SignatureHeader => "X-Hub-Signature-256";

    public string? Claims(HookRequest request) =>
        Payload(request) is { } json ? RepositoryScan.FullName(json.Span) : null;

    public WebhookReading Read(HookRequest request, string secret)
    {
        if (!Signature.IsRight(request.Header(SignatureHeader), request.Body.Span, secret))
            return new WebhookReading.Refused("the signature does not match the repository's secret");

        var happened = HookText.Short(request.Header("X-GitHub-Event"), 50);
        var id = HookText.DeliveryId(request.Header("X-GitHub-Delivery"), request.Body.Span);
        return happened switch
        {
            "" => new WebhookReading.Unusable("", id, "it has no X-GitHub-Event header"),
            "push" => ReadPush(request, id),
            "ping" => new WebhookReading.Ignored(happened, id, "a ping: address and secret are right"),
            "pull_request" => ReadPull(request, id),
            _ => new WebhookReading.Ignored(happened, id, $"'{happened}' asks for no build"),
        };
    }

    private static WebhookReading ReadPush(HookRequest request, string id)
    {
        if (Payload(request) is not { } json || Parse(json.Span, GitHubJson.Default.Push) is not { } push)
            return new WebhookReading.Unusable("push", id, "its body is not the JSON of a push");
        if (push.Ref is not { } reference || !HookText.IsRef(reference))
        {
            return IsOtherRef(push.Ref)
                ? new WebhookReading.Ignored(
                    "push",
                    id,
                    $"{HookText.Short(push.Ref, 200)} is neither a branch nor a tag"
                )
                : new WebhookReading.Unusable("push", id, "its 'ref' is missing or not a ref");
        }
        if (push.Deleted)
            return new WebhookReading.Ignored("push", id, $"{reference} was deleted", DeletedRef: reference);

        // A tag with a message of its own is an object of its own: what is tested is the commit it points at.
        var isTag = reference.StartsWith("refs/tags/", StringComparison.Ordinal);
        var sha = isTag ? push.HeadCommit?.Id ?? push.After : push.After;
        if (!HookText.IsCommit(sha) || !HookText.IsCommit(push.After))
            return new WebhookReading.Unusable("push", id, "its 'after' is not a commit");
        var message = push.HeadCommit?.Message ?? "";
        if (SkipCommand.Find(message) is { } skip)
            return new WebhookReading.Ignored("push", id, $"the commit\'s message says {skip}");

        var author = push.HeadCommit?.Author?.Name ?? push.Pusher?.Name ?? "";
        var commit = new CommitRef(
            sha!,
            reference,
            message,
            author,
            HookText.IsCommit(push.Before) ? push.Before : null
        );
        return new WebhookReading.Accepted(
            "push",
            id,
            new Trigger(isTag ? TriggerKind.Tag : TriggerKind.Push, commit, Web(push.Compare)),
            HookText.Dedupe("push", reference, push.Before, push.After!)
        );
    }

    private static WebhookReading ReadPull(HookRequest request, string id)
    {
        const string Event = "pull_request";
        if (
            Payload(request) is not { } json
            || Parse(json.Span, GitHubJson.Default.PullDelivery) is not { Action: { } action } told
        )
            return new WebhookReading.Unusable(Event, id, "its body is not the JSON of a pull request");
        if (action is not ("opened" or "synchronize" or "reopened"))
            return new WebhookReading.Ignored(Event, id, $"'{HookText.Short(action, 50)}' asks for no build");
        if (
            told is not { Number: > 0, PullRequest: { Head: { } head, Base: { } target } pull }
            || !HookText.IsCommit(head.Sha)
            || !HookText.IsCommit(target.Sha)
            || !HookText.IsRef("refs/heads/" + head.Ref)
            || !HookText.IsRef("refs/heads/" + target.Ref)
        )
            return new WebhookReading.Unusable(Event, id, "it says no number, head and base of a pull request");

        // Without a repository it is a fork that was deleted.
        var from = HookText.Short(head.Repo?.FullName, 200);
        var isFork =
            from.Length == 0 || !string.Equals(from, target.Repo?.FullName, StringComparison.OrdinalIgnoreCase);
        var change = new PullRequest(
            told.Number,
            target.Ref!,
            target.Sha!,
            head.Sha!,
            head.Ref!,
            from.Length == 0 ? null : from,
            isFork,
            pull.Draft
        );
        // Which commit its merge is, the payload does not know yet: the host makes it afterwards.
        var commit = new CommitRef("", change.MergeRef, "", HookText.Short(pull.User?.Login, 100));
        return new WebhookReading.Accepted(
            Event,
            id,
            new Trigger(TriggerKind.Pull, commit, Web(pull.HtmlUrl), change),
            // To open it again is to ask again.
            action is "reopened"
                ? null
                : HookText.Dedupe(Event, change.MergeRef, target.Sha, head.Sha!)
        );
    }

    // GitHub's own default is a form with the JSON in one field; the signature is over the whole form.
    private static ReadOnlyMemory<byte>? Payload(HookRequest request)
    {
        var form = request
            .Header("Content-Type")
            ?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase);
        if (form != true)
            return request.Body;
        ReadOnlySpan<byte> field = "payload="u8;
        var body = request.Body.Span;
        if (!body.StartsWith(field))
            return null;
        var end = body.IndexOf((byte)'&');
        var value = body[field.Length..(end < 0 ? body.Length : end)];
        return Encoding.UTF8.GetBytes(Uri.UnescapeDataString(Encoding.UTF8.GetString(value).Replace('+', ' ')));
    }

    private static T? Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool IsOtherRef(string? reference) =>
        reference is not null
        && reference.StartsWith("refs/", StringComparison.Ordinal)
        && !reference.StartsWith("refs/heads/", StringComparison.Ordinal)
        && !reference.StartsWith("refs/tags/", StringComparison.Ordinal);

    // It becomes a link on a page: nothing but the web.
    private static string? Web(string? address) =>
        address is { Length: <= 2000 }
        && Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && uri.Scheme is ("https" or "http")
            ? address
            : null;
}
