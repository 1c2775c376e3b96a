using System.ComponentModel.DataAnnotations;
using System.Net;

namespace TestGrid.Server.Access;

/// <summary>Who may reach the server, and how. Key <c>access</c>.</summary>
public sealed class AccessOptions
{
    /// <summary>Where it listens. Loopback unless the operator says otherwise.</summary>
    public string Listen { get; init; } = "http://127.0.0.1:8080";

    /// <summary>Where people and git hosts reach it, if that is not where it listens: behind a proxy, say.</summary>
    public string? PublicUrl { get; init; }

    /// <summary>Who may read.</summary>
    [EnumDataType(typeof(ReadAccess), ErrorMessage = "Reads is auto, open or signedIn")]
    public ReadAccess Reads { get; init; } = ReadAccess.Auto;

    /// <summary>More names that the server answers to, besides its addresses, <c>localhost</c> and the public one.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>How long a browser stays signed in.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "3650.00:00:00")]
    public TimeSpan SessionTime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How long a sign-in link is good for.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00")]
    public TimeSpan LinkTime { get; init; } = TimeSpan.FromHours(12);

    /// <summary>Reading is open to whoever reaches the server: by setting, or because only this machine does.</summary>
    public bool ReadsAreOpen =>
        Reads is ReadAccess.Open
        || (
            Reads is ReadAccess.Auto && IsLoopback(Listen) && (PublicUrl is not { Length: > 0 } url || IsLoopback(url))
        );

    private static bool IsLoopback(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri)
        && (uri.IsLoopback || (IPAddress.TryParse(uri.DnsSafeHost, out var ip) && IPAddress.IsLoopback(ip)));
}

public enum ReadAccess
{
    /// <summary>Open when only this machine can reach the server; else for those who signed in.</summary>
    Auto,

    /// <summary>Open to whoever reaches it.</summary>
    Open,

    /// <summary>For those who signed in, or hold a token.</summary>
    SignedIn,
}
