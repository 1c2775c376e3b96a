using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace TestGrid.Server.Planning;

/// <summary>
/// Travis's <c>branches: only / except</c>: a name, or a regular expression between slashes. A tag's name is matched
/// like a branch's. A list of exclusions counts only where there is none of inclusions.
/// </summary>
public static class BranchFilter
{
    /// <summary>Why this branch is not built, or null when it is.</summary>
    public static string? Excludes(string name, ImmutableArray<string> only, ImmutableArray<string> except, string file)
    {
        if (!only.IsEmpty)
            return only.Any(pattern => Matches(pattern, name)) ? null : $"'{name}' is not in branches.only of {file}";
        return except.Any(pattern => Matches(pattern, name)) ? $"'{name}' is in branches.except of {file}" : null;
    }

    private static bool Matches(string pattern, string name)
    {
        if (pattern is not ['/', .. var body, '/'] || body.Length == 0)
            return pattern == name;
        try
        {
            // Linear in the name's length, whatever a stranger wrote; what that engine cannot do gets a tenth of a second.
            return Regex.IsMatch(name, body, RegexOptions.NonBacktracking, TimeSpan.FromSeconds(1));
        }
        catch (NotSupportedException)
        {
            return MatchesSlowly(body, name);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static bool MatchesSlowly(string body, string name)
    {
        try
        {
            return Regex.IsMatch(name, body, RegexOptions.None, TimeSpan.FromMilliseconds(100));
        }
        catch (RegexMatchTimeoutException)
        {
            return false;
        }
    }
}
