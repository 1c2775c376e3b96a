using TestGrid.Core.Builds;

namespace TestGrid.Server.Store;

/// <summary>What is kept of a delivery: never its body, only the body's hash.</summary>
/// <param name="Repository">The repository's id, or null when it named none that is registered.</param>
/// <param name="Host">The git host's folder: <c>github</c>, <c>generic</c>.</param>
/// <param name="DeliveryId">The host's own id of the delivery.</param>
/// <param name="Event">The host's word for it: <c>push</c>.</param>
/// <param name="BodySha256">64 lower-case hexadecimal digits.</param>
public sealed record Delivery(long? Repository, string Host, string DeliveryId, string Event, string BodySha256);

/// <summary>A delivery and what became of it.</summary>
/// <param name="Outcome">One of <see cref="DeliveryOutcome"/>.</param>
public sealed record DeliveryRecord(
    long Id,
    string Host,
    string DeliveryId,
    string Event,
    DateTimeOffset ReceivedAt,
    string Outcome,
    string Why,
    long? BuildId
);

public static class DeliveryOutcome
{
    /// <summary>It started a build.</summary>
    public const string Accepted = "accepted";

    /// <summary>The build it asks for is there already.</summary>
    public const string Duplicate = "duplicate";

    /// <summary>Real, and nothing to do.</summary>
    public const string Ignored = "ignored";

    /// <summary>Not signed by whom it says.</summary>
    public const string Refused = "refused";

    /// <summary>Signed, and not understood.</summary>
    public const string Unusable = "unusable";
}

/// <summary>What an accepted delivery led to.</summary>
/// <param name="Build">The build's id.</param>
/// <param name="IsNew">False when an earlier delivery had started it.</param>
public sealed record BuildReceipt(long Build, bool IsNew);

/// <summary>A build to be made.</summary>
/// <param name="Dedupe">Equal for deliveries that mean the same push; null for what always starts a build.</param>
/// <param name="OnlyCell">The one cell to run again, or null for all.</param>
public sealed record BuildRequest(long Repository, Trigger Trigger, string? Dedupe = null, int? OnlyCell = null);
