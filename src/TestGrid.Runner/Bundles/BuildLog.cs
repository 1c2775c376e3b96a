using System.Globalization;
using System.Text.RegularExpressions;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Reads what mmdebstrap and apt say while they build, into percents for those who wait and into a sentence for when
/// it fails. apt installs in two rounds, the essential packages and the rest; each has its share of the bar.
/// </summary>
internal sealed partial class BuildLog(string recipe, TextWriter file, IProgress<BundleProgress> progress)
{
    private readonly Lock one = new();
    private readonly List<string> errors = [];
    private (int From, int To, string Phase) round = (0, 2, "reading the package lists");
    private int packages;
    private int done;
    private int percent;

    /// <summary>apt's own words about what went wrong, at most six lines; empty when it said nothing.</summary>
    public string Errors
    {
        get
        {
            lock (one)
                return string.Join("\n", errors.Take(6));
        }
    }

    public void Hear(string line)
    {
        lock (one)
        {
            file.WriteLine(line);
            if (line.StartsWith("E: ", StringComparison.Ordinal) || Unmet.IsMatch(line))
                errors.Add(line.Trim());
            if (line.StartsWith("I: ", StringComparison.Ordinal))
                Round(line[3..]);
            else if (NewlyInstalled.Match(line) is { Success: true } match)
                (packages, done) = (int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture), 0);
            else if (Step.IsMatch(line) && packages > 0)
                done++;
            Tell();
        }
    }

    public void Reach(int at, string phase)
    {
        lock (one)
        {
            round = (at, at, phase);
            Tell();
        }
    }

    private void Round(string said)
    {
        (int, int, string)? next = said switch
        {
            "downloading packages with apt..." => (3, 8, "downloading the essential packages"),
            "extracting archives..." => (8, 9, "unpacking the essential packages"),
            "installing essential packages..." => (9, 25, "installing the essential packages"),
            "installing remaining packages inside the chroot..." => (25, 85, "installing packages"),
            "cleaning package lists and apt cache..." => (86, 86, "cleaning up"),
            "creating tarball..." => (88, 88, "writing the tree"),
            _ => null,
        };
        if (next is not { } begun)
            return;
        (round, done) = (begun, 0);
    }

    private void Tell()
    {
        // Each package is fetched, unpacked and set up; the essential round fetches before it begins.
        var steps =
            packages
            * (
                round.From == 25 ? 3
                : round.From == 3 ? 1
                : 2
            );
        var share = steps == 0 ? 0 : Math.Min(1.0, (double)done / steps);
        var now = round.From + (int)((round.To - round.From) * share);
        if (now <= percent && round.From != percent)
            return;
        percent = Math.Max(now, percent);
        progress.Report(new BundleProgress(recipe, percent, round.Phase));
    }

    [GeneratedRegex(@"\A\d+ upgraded, (\d+) newly installed")]
    private static partial Regex NewlyInstalled { get; }

    [GeneratedRegex(@"\A(?:Get:\d+ |Unpacking |Setting up )")]
    private static partial Regex Step { get; }

    [GeneratedRegex(@"\A (?:\S+ : (?:Pre)?Depends: |.*but it is not |.*Unable to locate)")]
    private static partial Regex Unmet { get; }
}
