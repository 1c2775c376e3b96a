using TestGrid.Core.Builds;

namespace TestGrid.Server.GitHosts;

/// <summary>
/// Seam: a git host's way of telling what happened. Called from many threads at once; it does no IO and keeps nothing.
/// <list type="number">
/// <item><see cref="Claims"/> reads a body that nobody has vouched for: it says which secret to check it with, no more.</item>
/// <item><see cref="Read"/> checks the signature over the raw bytes, in constant time, before it believes anything.</item>
/// </list>
/// A host's payload and words never leave its folder.
/// </summary>
/// <remarks>Every implementation passes <c>tests/TestGrid.Tests/Contracts/GitHostContract.cs</c>.</remarks>
public interface IGitHost
{
    /// <summary>Its folder's name in lower case, and the last part of its address: <c>github</c>.</summary>
    string Name { get; }

    /// <summary>The header that only its deliveries carry.</summary>
    string SignatureHeader { get; }

    /// <summary>Which repository (<c>owner/name</c>) an unverified body claims to be about, or null.</summary>
    string? Claims(HookRequest request);

    /// <summary>What a delivery means, if it is signed with that secret.</summary>
    WebhookReading Read(HookRequest request, string secret);
}

/// <summary>A delivery as it came in.</summary>
/// <param name="Header">A header's value by its name, or null.</param>
/// <param name="Body">The raw bytes.</param>
public sealed record HookRequest(Func<string, string?> Header, ReadOnlyMemory<byte> Body);

/// <summary>What a delivery means.</summary>
/// <param name="Event">The host's word: <c>push</c>, <c>ping</c>. Bounded, and safe to show.</param>
/// <param name="DeliveryId">The host's own id of the delivery; the body's hash where it gives none.</param>
public abstract record WebhookReading(string Event, string DeliveryId)
{
    /// <summary>A build is wanted.</summary>
    /// <param name="Dedupe">Event, ref, before and after: equal for deliveries of the same push; null when they do not say.</param>
    public sealed record Accepted(string Event, string DeliveryId, Trigger Trigger, string? Dedupe)
        : WebhookReading(Event, DeliveryId);

    /// <summary>Real, and nothing to do: a ping, a deleted branch, a <c>[skip ci]</c>.</summary>
    /// <param name="DeletedRef">The ref that is no more, if that is what happened.</param>
    public sealed record Ignored(string Event, string DeliveryId, string Why, string? DeletedRef = null)
        : WebhookReading(Event, DeliveryId);

    /// <summary>Signed, and not what this host says: the sender must change something.</summary>
    public sealed record Unusable(string Event, string DeliveryId, string Why) : WebhookReading(Event, DeliveryId);

    /// <summary>Not signed by whom it says. Nothing in it is believed.</summary>
    public sealed record Refused(string Why) : WebhookReading("", "");
}
