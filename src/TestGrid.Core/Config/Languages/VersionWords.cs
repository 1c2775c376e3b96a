using System.Collections.Frozen;
using System.Collections.Immutable;

namespace TestGrid.Core.Config.Languages;

/// <summary>How people write a language's versions, and which number is meant.</summary>
internal sealed record VersionWords
{
    public static VersionWords Plain { get; } = new();

    public static VersionWords Python { get; } =
        new() { MajorIsAnother = true, Others = ["pypy", "pyston", "jython", "graalpy"] };

    public static VersionWords Ruby { get; } =
        new()
        {
            Prefixes = ["ruby-"],
            Newest = ["ruby"],
            Others = ["jruby", "rbx", "rubinius", "truffleruby", "mruby", "ree", "macruby", "maglev"],
        };

    public static VersionWords Node { get; } =
        new()
        {
            Prefixes = ["v", "node-"],
            Newest = ["node", "stable", "latest", "current", "lts/*", "lts", "--lts"],
            Others = ["iojs", "io.js"],
            Names = Map(
                "lts/argon>4",
                "lts/boron>6",
                "lts/carbon>8",
                "lts/dubnium>10",
                "lts/erbium>12",
                "lts/fermium>14",
                "lts/gallium>16",
                "lts/hydrogen>18",
                "lts/iron>20",
                "lts/jod>22",
                "lts/krypton>24"
            ),
        };

    // Oracle's build of a version is the same version: a note in the log says which vendor's it is.
    public static VersionWords Java { get; } =
        new() { Prefixes = ["openjdk", "oraclejdk", "oraclejdk-", "openjdk-", "jdk", "temurin", "1."] };

    public static VersionWords Php { get; } = new() { Prefixes = ["php-", "php"], Others = ["hhvm"] };

    public static VersionWords Go { get; } =
        new()
        {
            Prefixes = ["go"],
            Newest = ["stable"],
            Others = ["gccgo"],
        };

    public static VersionWords Rust { get; } = new() { Newest = ["stable"] };

    public static VersionWords Perl { get; } = new() { Names = Map("5.1>5.10", "5.2>5.20", "5.3>5.30") };

    public static VersionWords R { get; } = new() { Newest = ["release", "bioc-release"] };

    public static VersionWords D { get; } =
        new()
        {
            Prefixes = ["ldc-", "ldc2-"],
            Newest = ["ldc", "ldc2"],
            Others = ["dmd", "gdc"],
        };

    public static VersionWords Mono { get; } = new() { Newest = ["latest"] };

    /// <summary>What may stand before the number and says nothing here; the longest counts.</summary>
    public ImmutableArray<string> Prefixes { get; init; } = [];

    /// <summary>Words for whatever is the newest on the day; the newest that is here is meant.</summary>
    public FrozenSet<string> Newest { get; init; } = [];

    /// <summary>Names of single versions.</summary>
    public FrozenDictionary<string, string> Names { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>How the names of other implementations begin: no version of this one is near to those.</summary>
    public ImmutableArray<string> Others { get; init; } = [];

    /// <summary>Another first number is another language: Python 2 and 3.</summary>
    public bool MajorIsAnother { get; init; }

    public VersionWish Read(string asked)
    {
        var word = asked.Trim();
        var lower = word.ToLowerInvariant();
        if (Newest.Contains(lower))
            return new VersionWish(word, IsNewest: true, IsOther: false);
        if (Names.TryGetValue(lower, out var named))
            return new VersionWish(named);
        var isOther = Others.Any(other => lower.StartsWith(other, StringComparison.Ordinal));
        var prefix = Prefixes
            .Where(prefix => lower.StartsWith(prefix, StringComparison.Ordinal) && lower.Length > prefix.Length)
            .Where(prefix => char.IsAsciiDigit(lower[prefix.Length]))
            .MaxBy(prefix => prefix.Length);
        word = isOther || prefix is null ? word : word[prefix.Length..];
        return new VersionWish(
            word.EndsWith(".x", StringComparison.OrdinalIgnoreCase) ? word[..^2] : word,
            IsOther: isOther
        );
    }

    private static FrozenDictionary<string, string> Map(params string[] pairs) =>
        pairs.Select(pair => pair.Split('>')).ToFrozenDictionary(pair => pair[0], pair => pair[1]);
}

/// <summary>A version that a configuration asks for.</summary>
/// <param name="Text">It, without what says nothing.</param>
/// <param name="IsNewest">The newest is meant, whichever it is.</param>
/// <param name="IsOther">It is another implementation's.</param>
internal sealed record VersionWish(string Text, bool IsNewest = false, bool IsOther = false)
{
    /// <summary>Is this what was asked for? <c>3.11</c> is a <c>3</c>, and neither a <c>3.1</c> nor a <c>3.11-dev</c>.</summary>
    public bool IsMetBy(string version) => version == Text || version.StartsWith(Text + ".", StringComparison.Ordinal);

    public static bool IsAtLeast(string version, int major, int minor) =>
        Numbers(version) is [var first, .. var rest] && (first, rest.FirstOrDefault()).CompareTo((major, minor)) >= 0;

    /// <summary>The newest of several; null of none.</summary>
    public static string? NewestOf(IEnumerable<string> versions) => versions.MaxBy(Numbers, Order);

    /// <summary>The version that is least far: first in its first number, then in its second; of two the newer.</summary>
    public string? NearestOf(IEnumerable<string> versions, bool majorIsAnother)
    {
        if (IsOther)
            return null;
        var all = versions.Where(version => Numbers(version).Length > 0).ToList();
        var wish = Numbers(Text);
        if (wish.Length == 0)
            return NewestOf(all);
        return all.Where(version => !majorIsAnother || Numbers(version)[0] == wish[0])
            .OrderBy(version => Far(Numbers(version), wish), Order)
            .ThenByDescending(Numbers, Order)
            .FirstOrDefault();
    }

    private static int[] Far(int[] one, int[] other) =>
        [.. Enumerable.Range(0, 4).Select(i => Math.Abs(one.ElementAtOrDefault(i) - other.ElementAtOrDefault(i)))];

    // R14B04 is a 14; what is not a number ends it, so 3.12-dev is near to 3.12.
    private static int[] Numbers(string version) =>
        [
            .. version
                .TrimStart('R')
                .Split('.', '-', 'B')
                .TakeWhile(part => part.Length is > 0 and < 7 && part.All(char.IsAsciiDigit))
                .Select(part => int.Parse(part, System.Globalization.CultureInfo.InvariantCulture)),
        ];

    private static readonly IComparer<int[]> Order = Comparer<int[]>.Create(
        (one, other) =>
        {
            for (var i = 0; i < Math.Max(one.Length, other.Length); i++)
            {
                var order = one.ElementAtOrDefault(i).CompareTo(other.ElementAtOrDefault(i));
                if (order != 0)
                    return order;
            }

            return 0;
        }
    );
}
