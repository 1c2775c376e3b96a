using System.Collections.Frozen;
using System.Text.RegularExpressions;

namespace TestGrid.Core.Config.Schema;

/// <summary>
/// Finds the key that somebody meant, in Travis's order: as written, trimmed, dashes and capitals, odd characters,
/// other
/// names, and at last the nearest key within a few letters.
/// </summary>
internal static partial class KeyRepair
{
    /// <summary>
    /// The known key, or null when it is none. <paramref name="written"/> itself when it is exactly one.
    /// </summary>
    public static string? Find(string written, FrozenSet<string> known)
    {
        if (known.Contains(written))
            return written;
        foreach (var candidate in Spellings(written))
        {
            if (known.Contains(candidate))
                return candidate;
            if (KeyTable.Aliases.TryGetValue(candidate, out var alias) && known.Contains(alias))
                return alias;
        }

        return Nearest(written, known);
    }

    /// <summary>The nearest known word within Travis's distance, or null.</summary>
    public static string? Nearest(string written, IEnumerable<string> known) =>
        // Long keys are nobody's slip of the pen, and the distance costs their square.
        written.Length
            is < 3
                or > 40
            ? null
            : known
                .Where(key => key.Length >= 3 && Math.Abs(key.Length - written.Length) <= 4)
                .Select(key => (Key: key, Distance: Distance(written, key)))
                .Where(found =>
                    found.Distance <= 4 && found.Distance < Math.Min(written.Length, found.Key.Length) / 2.0
                )
                .OrderBy(found => found.Distance)
                .ThenBy(found => found.Key, StringComparer.Ordinal)
                .Select(found => found.Key)
                .FirstOrDefault();

    private static IEnumerable<string> Spellings(string written)
    {
        var key = written.Trim();
        yield return key;
        key = Capitals.Replace(key, "_$0").Replace('-', '_').Replace(' ', '_').ToLowerInvariant().TrimStart('_');
        yield return key;
        yield return written.Trim().Replace('-', '_').ToLowerInvariant();
        yield return Odd.Replace(key, "");
    }

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var corner = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var here = Math.Min(Math.Min(row[j], row[j - 1]) + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1));
                (corner, row[j]) = (row[j], here);
            }
        }

        return row[b.Length];
    }

    [GeneratedRegex("(?<=[a-z0-9])[A-Z]")]
    private static partial Regex Capitals { get; }

    [GeneratedRegex("[^a-z0-9_]")]
    private static partial Regex Odd { get; }
}
