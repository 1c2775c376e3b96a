using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace TestGrid.Runner.Git;

public enum GitUrlKind
{
    Https,
    Ssh,

    /// <summary>An absolute path of this machine, which only the operator may give.</summary>
    Local,
}

/// <summary>
/// An address that a repository may be fetched from: https, ssh, or a path that the operator gave. All else is refused
/// before git sees it: <c>ext::</c> starts programs, <c>file://</c> reads what is not ours, and a host or user that
/// begins with a dash is an option to ssh.
/// </summary>
/// <param name="Kind">How it is fetched.</param>
/// <param name="Text">The whole address, as git takes it.</param>
/// <param name="Host">In lower case; empty for a path.</param>
/// <param name="Path">The repository's path at its host.</param>
public sealed partial record GitUrl(GitUrlKind Kind, string Text, string Host, string Path)
{
    /// <param name="text">Untrusted.</param>
    /// <param name="allowLocal">Whether a path of this machine will do.</param>
    /// <param name="url">What it is, when it is one.</param>
    /// <param name="problem">Why not, as a sentence, when it is not; it does not repeat a password.</param>
    public static bool Check(
        string text,
        bool allowLocal,
        [NotNullWhen(true)] out GitUrl? url,
        [NotNullWhen(false)] out string? problem
    )
    {
        (url, problem) = Read(text, allowLocal);
        return url is not null;
    }

    /// <summary>The address of a submodule that is written relative to this one (<c>../lib.git</c>).</summary>
    public string Resolve(string relative)
    {
        var separator = Kind is GitUrlKind.Ssh && !Text.StartsWith("ssh://", StringComparison.Ordinal) ? ':' : '/';
        var start = Kind switch
        {
            GitUrlKind.Local => 0,
            _ when separator == ':' => Text.IndexOf(':', StringComparison.Ordinal) + 1,
            _ => Text.IndexOf('/', Text.IndexOf("://", StringComparison.Ordinal) + 3),
        };
        var path = Text[start..].TrimEnd('/').Split('/').ToList();
        foreach (var part in relative.Split('/'))
        {
            if (part == "..")
            {
                // Above the top there is nothing: Check refuses what is left over.
                if (path.Count > (separator == ':' ? 0 : 1))
                    path.RemoveAt(path.Count - 1);
                else
                    return "";
            }
            else if (part is not ("." or ""))
            {
                path.Add(part);
            }
        }
        return Text[..start] + string.Join('/', path);
    }

    public override string ToString() => Text;

    private static (GitUrl?, string?) Read(string text, bool allowLocal)
    {
        if (text.Length is 0 or > 2000)
            return (null, "The address is empty or longer than 2000 characters.");
        if (text.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)))
            return (null, "The address holds a blank or a control character.");
        if (text.Contains("::", StringComparison.Ordinal) && !text.Contains('[', StringComparison.Ordinal))
            return (null, "An address of the form x:: starts a program; use https or ssh.");
        if (text.StartsWith('/'))
            return Local(text, allowLocal);
        if (Https.Match(text) is { Success: true } https)
        {
            if (https.Groups["user"].Success)
                return (null, "The address holds a user or a password; give them as the repository's credential.");
            return Found(GitUrlKind.Https, text, https);
        }
        if (SshUrl.Match(text) is { Success: true } ssh)
            return Found(GitUrlKind.Ssh, text, ssh);
        if (!text.Contains("://", StringComparison.Ordinal) && Scp.Match(text) is { Success: true } scp)
            return Found(GitUrlKind.Ssh, text, scp);
        return (null, Why(text, allowLocal));
    }

    private static (GitUrl?, string?) Found(GitUrlKind kind, string text, Match match)
    {
        var path = match.Groups["path"].Value;
        return path.Split('/').Any(part => part is "." or "..")
            ? (null, "The address's path holds . or .. as a part.")
            : (new GitUrl(kind, text, match.Groups["host"].Value.ToLowerInvariant(), path), null);
    }

    private static (GitUrl?, string?) Local(string text, bool allowLocal) =>
        !allowLocal ? (null, "A path of this machine cannot stand here; use https or ssh.")
        : System.IO.Path.GetFullPath(text) != text.TrimEnd('/')
            ? (null, "The path holds . or .. or doubled slashes; write it out.")
        : (new GitUrl(GitUrlKind.Local, text.TrimEnd('/'), "", text.TrimEnd('/')), null);

    private static string Why(string text, bool allowLocal)
    {
        var scheme = text.Split(':', 2)[0].ToLowerInvariant();
        var may = allowLocal ? "https, ssh, or an absolute path" : "https or ssh";
        return scheme switch
        {
            "file" => $"file:// addresses are not fetched; use {may}.",
            "http" or "git" or "ftp" => $"{scheme}:// is neither private nor safe from change on its way; use {may}.",
            _ when text.StartsWith('-')
                    || text.Contains("//-", StringComparison.Ordinal)
                    || text.Contains("@-", StringComparison.Ordinal) =>
                "The address begins with a dash, or its user or host does: ssh would take it for an option.",
            _ => $"This is not an address that can be fetched; use {may}.",
        };
    }

    private const string Name = @"[A-Za-z0-9_][A-Za-z0-9._-]*";
    private const string At = $@"(?<host>{Name}|\[[0-9a-fA-F:.]+\])";
    private const string Characters = @"[A-Za-z0-9._~/+%@=,:!()-]";

    [GeneratedRegex($@"\Ahttps://(?<user>[^/@]*@)?{At}(?::[0-9]{{1,5}})?/(?<path>{Characters}+)\z")]
    private static partial Regex Https { get; }

    [GeneratedRegex($@"\A(?:git\+)?ssh://(?:{Name}@)?{At}(?::[0-9]{{1,5}})?/(?<path>(?!-){Characters}+)\z")]
    private static partial Regex SshUrl { get; }

    [GeneratedRegex($@"\A(?:{Name}@){At}:(?<path>(?!-){Characters}+)\z")]
    private static partial Regex Scp { get; }
}
