using System.Text.Json;
using TestGrid.Core.Builds;

namespace TestGrid.Server.GitHosts.Generic;

/// <summary>
/// Whoever can sign a few lines of JSON: a hook script, another forge, <c>curl</c>.
/// <code>{"ref": "refs/heads/main", "sha": "…40 digits…", "before": "…", "message": "…", "author": "…", "repository": "owner/name"}</code>
/// Instead of <c>ref</c> it may give <c>branch</c>; without <c>sha</c> the branch's newest commit is built. <c>before</c>,
/// <c>message</c>, <c>author</c> may be left out, and <c>repository</c> too where the address names it.
/// <c>{"event": "ping"}</c> starts nothing.
/// </summary>
public sealed class GenericHost : IGitHost
{
    public const string HostName = "generic";
    public const string DeliveryHeader = "X-TestGrid-Delivery";
    public const string Header = "X-TestGrid-Signature-256";

    public string Name => HostName;

    public string SignatureHeader => Header;

    public string? Claims(HookRequest request) => RepositoryScan.FullName(request.Body.Span);

    public WebhookReading Read(HookRequest request, string secret)
    {
        if (!Signature.IsRight(request.Header(SignatureHeader), request.Body.Span, secret))
            return new WebhookReading.Refused("the signature does not match the repository's secret");

        var id = HookText.DeliveryId(request.Header(DeliveryHeader), request.Body.Span);
        if (Parse(request.Body.Span) is not { } told)
            return new WebhookReading.Unusable("", id, "its body is not a JSON object with texts in it");
        return told.Event switch
        {
            "ping" => new WebhookReading.Ignored("ping", id, "a ping: address and secret are right"),
            null or "push" => ReadPush(told, id),
            _ => new WebhookReading.Ignored(HookText.Short(told.Event, 50), id, "only 'push' asks for a build"),
        };
    }

    private static WebhookReading ReadPush(Told told, string id)
    {
        var reference = told.Ref ?? (told.Branch is { } branch ? "refs/heads/" + branch : null);
        if (reference is not null && !reference.StartsWith("refs/", StringComparison.Ordinal))
            reference = "refs/heads/" + reference;
        if (!HookText.IsRef(reference))
            return new WebhookReading.Unusable("push", id, "'ref' is missing or not a branch or tag: refs/heads/main");
        if (told.Sha is { } deleted && deleted.Length > 0 && !deleted.AsSpan().ContainsAnyExcept('0'))
            return new WebhookReading.Ignored("push", id, $"{reference} was deleted", DeletedRef: reference);
        if (told.Sha is not null && !HookText.IsCommit(told.Sha))
            return new WebhookReading.Unusable("push", id, "'sha' is not a commit's full name of 40 lower-case digits");
        if (told.Sha is null && reference!.StartsWith("refs/tags/", StringComparison.Ordinal))
            return new WebhookReading.Unusable(
                "push",
                id,
                "a tag needs the 'sha' of its commit: tags are not looked up"
            );
        var message = told.Message ?? "";
        if (SkipCommand.Find(message) is { } skip)
            return new WebhookReading.Ignored("push", id, $"the commit\'s message says {skip}");

        var commit = new CommitRef(
            told.Sha ?? "",
            reference!,
            message,
            told.Author ?? "",
            HookText.IsCommit(told.Before) ? told.Before : null
        );
        var kind = commit.Tag is null ? TriggerKind.Push : TriggerKind.Tag;
        var dedupe = told.Sha is null ? null : HookText.Dedupe("push", reference!, told.Before ?? "?", told.Sha);
        return new WebhookReading.Accepted("push", id, new Trigger(kind, commit), dedupe);
    }

    private static Told? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, GenericJson.Default.Told);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
