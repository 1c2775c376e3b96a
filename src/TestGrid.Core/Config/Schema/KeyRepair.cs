using System.Text.RegularExpressions;

namespace TestGrid.Core.Config.Schema;

/// <summary>
/// Finds the key that somebody meant, in Travis's order: as written, trimmed, dashes and capitals, odd characters,
/// other
/// names, and at last the nearest key within a few letters.
/// </summary>
internal static partial class KeyRepair
{
    /// <summary>The known key that was meant, or null.</summary>
    public static string? Find(string written, MapShape shape)
    {
        if (shape.Aliases.TryGetValue(written, out var alias))
            return alias;
        foreach (var candidate in Spellings(written))
        {
            if (shape.Keys.ContainsKey(candidate) && !shape.OwnKeys.Contains(candidate))
                return candidate;
            if (shape.Aliases.TryGetValue(candidate, out alias))
                return alias;
        }

        if (KeySlips.Stops.Contains(written) || ConfigShape.AllKeys.Contains(written))
            return null;
        if (KeySlips.Meant.TryGetValue(written, out var meant))
        {
            if (shape.Keys.ContainsKey(meant))
                return meant;
            if (shape.Aliases.TryGetValue(meant, out alias))
                return alias;
        }

        if (Nearest(written, shape.Known) is not { } near)
            return null;
        return shape.Aliases.GetValueOrDefault(near, near);
    }

    /// <summary>The nearest known word within Travis's distance, or null.</summary>
    public static string? Nearest(string written, IReadOnlyCollection<string> known) =>
        // Long keys are nobody's slip of the pen, and the distance costs their square.
        written.Length
            is < 3
                or > 40
            ? null
            : known
                .Where(key => key.Length >= 3 && key != "elm_test" && Math.Abs(key.Length - written.Length) <= 3)
                .Select(key => (Key: key, Distance: Distance(written, key)))
                .Where(found =>
                    found.Distance <= 3 && found.Distance < Math.Min(written.Length, found.Key.Length) / 2.0
                )
                .OrderBy(found => found.Distance)
                .ThenBy(found => found.Key, StringComparer.Ordinal)
                .Select(found => found.Key)
                .FirstOrDefault()
                ?? Shuffled(written, known);

    /// <summary>The known word of the same letters, for short ones: <c>evn</c> is <c>env</c>.</summary>
    private static string? Shuffled(string written, IEnumerable<string> known) =>
        written.Length is < 3 or > 5
            ? null
            : known.FirstOrDefault(key => key.Length == written.Length && key.Order().SequenceEqual(written.Order()));

    private static IEnumerable<string> Spellings(string written)
    {
        var key = written.Trim();
        yield return key;
        key = Capitals.Replace(key, "_$0").Replace('-', '_').Replace(' ', '_').ToLowerInvariant().TrimStart('_');
        yield return key;
        yield return written.Trim().Replace('-', '_').ToLowerInvariant();
        yield return Odd.Replace(key, "").Trim('_').Replace("__", "_", StringComparison.Ordinal);
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
