using System.Text.RegularExpressions;

namespace TestGrid.Server.Dashboard;

/// <summary>Where a repository is, read from what an operator typed.</summary>
/// <param name="Host">The git host's name, or <c>local</c>.</param>
/// <param name="Slug"><c>owner/name</c>, as the address says it.</param>
/// <param name="Url">What is fetched from.</param>
public sealed partial record RepositoryAddress(string Host, string Slug, string Url)
{
    public const string Local = "local";

    /// <summary>Null when it is none of https, ssh, or an absolute path; or when a password stands in it.</summary>
    public static RepositoryAddress? Read(string? text)
    {
        text = text?.Trim();
        if (text is not { Length: > 0 and <= 1000 } || text.AsSpan().ContainsAnyInRange('\0', '\x1f'))
            return null;
        if (text.StartsWith('/'))
        {
            var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(text));
            return new RepositoryAddress(Local, SlugOf(full), full);
        }
        if (Scp.Match(text) is { Success: true } scp)
            return new RepositoryAddress(
                scp.Groups["host"].Value.ToLowerInvariant(),
                SlugOf(scp.Groups["path"].Value),
                text
            );
        var known = Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is ("https" or "ssh");
        // An address is shown, logged, and given to jobs: a password in it would be too.
        if (!known || uri!.UserInfo.Contains(':', StringComparison.Ordinal) || uri.Host.Length == 0)
            return null;
        if (uri.Scheme == "https" && uri.UserInfo.Length > 0)
            return null;
        // Nothing that ssh would take for an option.
        if (uri.Host.StartsWith('-') || uri.UserInfo.StartsWith('-'))
            return null;
        return new RepositoryAddress(uri.IsDefaultPort ? uri.Host : uri.Authority, SlugOf(uri.AbsolutePath), text);
    }

    public static bool IsSlug(string slug) =>
        SlugForm.IsMatch(slug) && !slug.Split('/').Any(part => part is "." or "..");

    // The last two parts of the path; a path of one part gets the owner "local".
    private static string SlugOf(string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var name = parts.LastOrDefault() ?? "";
        if (name is ".git" && parts.Length > 1)
            (parts, name) = (parts[..^1], parts[^2]);
        if (name.EndsWith(".git", StringComparison.Ordinal))
            name = name[..^4];
        return $"{Fit(parts.Length > 1 ? parts[^2] : Local)}/{Fit(name)}";
    }

    private static string Fit(string part) => Odd.Replace(part, "-");

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/[A-Za-z0-9_.][A-Za-z0-9_.-]{0,99}\z")]
    private static partial Regex SlugForm { get; }

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9_.-]*@(?<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?<path>[^/:-][^:]*)\z")]
    private static partial Regex Scp { get; }

    [GeneratedRegex("[^A-Za-z0-9_.-]")]
    private static partial Regex Odd { get; }
}
