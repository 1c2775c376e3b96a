using System.Text.RegularExpressions;

namespace TestGrid.Core.Config.Conditions;

/// <summary>
/// Regular expressions as Ruby writes them, of strangers: one that is wrong, or too slow, matches nothing.
/// </summary>
internal static class RubyRegex
{
    private static readonly TimeSpan Most = TimeSpan.FromMilliseconds(100);

    private static readonly (string Ruby, string Net)[] Differences =
    [
        (@"\h", "[0-9a-fA-F]"),
        (@"\H", "[^0-9a-fA-F]"),
        (@"\Z", @"(?=\n?\z)"),
        ("[:alpha:]", @"\p{L}"),
        ("[:digit:]", @"\d"),
        ("[:alnum:]", @"\p{L}\p{Nd}"),
        ("[:upper:]", @"\p{Lu}"),
        ("[:lower:]", @"\p{Ll}"),
        ("[:space:]", @"\s"),
        ("[:word:]", @"\w"),
        ("[:punct:]", @"\p{P}"),
        ("[:xdigit:]", "0-9a-fA-F"),
    ];

    public static bool IsMatch(string text, string pattern)
    {
        try
        {
            // In Ruby ^ and $ are always a line's.
            return Regex.IsMatch(
                text,
                Translated(pattern),
                RegexOptions.Multiline | RegexOptions.CultureInvariant,
                Most
            );
        }
        catch (Exception bad) when (bad is ArgumentException or RegexMatchTimeoutException)
        {
            return false;
        }
    }

    private static string Translated(string pattern)
    {
        foreach (var (ruby, net) in Differences)
            pattern = pattern.Replace(ruby, net, StringComparison.Ordinal);
        return pattern;
    }
}
