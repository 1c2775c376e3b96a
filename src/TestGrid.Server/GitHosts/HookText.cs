using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace TestGrid.Server.GitHosts;

/// <summary>What every host's payload is held to. All of it is a stranger's text until here.</summary>
public static partial class HookText
{
    private const int RefMax = 1024;

    /// <summary>A full object name, SHA-1 or SHA-256, in lower case, and not the one that means nothing.</summary>
    public static bool IsCommit(string? sha) =>
        sha is not null && Sha.IsMatch(sha) && sha.AsSpan().ContainsAnyExcept('0');

    /// <summary>A branch or tag as git would let it be named: no control characters, nothing that leaves its folder.</summary>
    public static bool IsRef(string? name) =>
        name is { Length: <= RefMax } && Ref.IsMatch(name) && !name.Contains("..", StringComparison.Ordinal);

    /// <summary>Text for a column and a page: bounded, and without control characters.</summary>
    public static string Short(string? text, int most) =>
        text is null ? "" : Controls.Replace(text.Length <= most ? text : text[..most], " ");

    /// <summary>The host's id of a delivery, or one made of its body.</summary>
    public static string DeliveryId(string? given, ReadOnlySpan<byte> body) =>
        Short(given, 100) is { Length: > 0 } id ? id : "sha256:" + Convert.ToHexStringLower(SHA256.HashData(body));

    /// <summary>Equal for deliveries of the same push; null when the payload does not say what was there before.</summary>
    public static string? Dedupe(string @event, string reference, string? before, string after) =>
        string.IsNullOrEmpty(before) ? null : $"{@event} {reference} {before} {after}";

    [GeneratedRegex("^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
    private static partial Regex Sha { get; }

    [GeneratedRegex(@"^refs/(?:heads|tags)/[^\x00-\x20\x7f~^:?*\[\\]+(?<![/.])$")]
    private static partial Regex Ref { get; }

    [GeneratedRegex(@"[\x00-\x1f\x7f]")]
    private static partial Regex Controls { get; }
}
