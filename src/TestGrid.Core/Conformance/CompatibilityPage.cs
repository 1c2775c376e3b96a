using System.Globalization;
using System.Text;

namespace TestGrid.Core.Conformance;

/// <summary>The page of the manual that says how much agrees: figures and reasons, no text of anybody's file.</summary>
public static class CompatibilityPage
{
    private const int MostMissing = 40;

    public static string Write(ConformanceRun run, CoverageRun coverage, DateOnly date, string command)
    {
        var page = new StringBuilder();
        page.Append(
            CultureInfo.InvariantCulture,
            $"""
            # How much of Travis is the same here

            Written by `{command}` on {date:yyyy-MM-dd}; not by hand. An oracle holds texts and what Travis's own library
            makes of them. Each text is read and expanded here, and the results are compared: the normalized
            configuration whole, every job in its order with all compared keys, the commands of the phases. Anybody can
            run it with an oracle of their own: see `testgrid config conformance --help`.

            | what | same | of | share |
            |---|---:|---:|---:|

            """
        );
        foreach (var (what, same, of) in run.Counts.Rows())
            page.Append(CultureInfo.InvariantCulture, $"| {what} | {same} | {of} | {100.0 * same / of:0.00} % |\n");
        page.Append(
            CultureInfo.InvariantCulture,
            $"""

            Of the configurations, {run.Counts.DecidedDifferences} have an empty entry in `jobs.include`. It is a job here, as
            Travis's manual says; its library drops it. They are compared as the library has it. Commands that YAML takes
            for a mapping (`- echo a: b`) are compared as the text that was meant. The oracle's maker read texts without
            characters outside of ASCII, and so does the comparison.

            ## By language

            | language | files | same jobs | same normal form |
            |---|---:|---:|---:|

            """
        );
        foreach (
            var (language, tally) in run.Languages.OrderByDescending(pair => pair.Value.Files).ThenBy(pair => pair.Key)
        )
            page.Append(
                CultureInfo.InvariantCulture,
                $"| {Cell(language)} | {tally.Files} | {tally.Jobs} | {tally.Config} |\n"
            );
        page.Append("\n## By key of the top level\n\n| key | files | same |\n|---|---:|---:|\n");
        foreach (var (key, tally) in run.Keys.OrderByDescending(pair => pair.Value.Files).ThenBy(pair => pair.Key))
            page.Append(CultureInfo.InvariantCulture, $"| {Cell(key)} | {tally.Files} | {tally.Config} |\n");
        Coverage(page, coverage);
        page.Append("\n## What differs, and why\n\n");
        if (run.Differences.Count == 0)
            page.Append("Nothing.\n");
        foreach (var difference in run.Differences)
            page.Append(
                CultureInfo.InvariantCulture,
                $"- {Cell(difference.Name)}: {difference.What} {Cell(difference.Key)}: {Reason(difference)}\n"
            );
        page.Append(
            CultureInfo.InvariantCulture,
            $"""

            Messages are compared by kind and by the key or value they are about: unknown, mended, doubled and overwritten keys, lists
            where one value is meant, values of a wrong kind, conditions. Not said here are keys without effect (`sudo`), values under
            another name, strings that should be encrypted, and which jobs a condition leaves out.

            ## Job scripts

            Tests run what Travis's own script was recorded doing, by bash alone and by the whole runner in a sandbox, with and without
            a terminal, and compare state, exit code and log. Of `deploy` the script provider runs; others
            are skipped with a line in the log. The log is another on purpose in these, and how they end is the same:


            """
        );
        foreach (
            var (name, why) in ScriptDifferences.Jobs.Concat(ScriptDifferences.Phases).DistinctBy(pair => pair.Key)
        )
            page.Append(CultureInfo.InvariantCulture, $"- `{name}`: {why}.\n");
        return page.ToString();
    }

    private static void Coverage(StringBuilder page, CoverageRun coverage)
    {
        page.Append(
            """

            ## What would run here

            Of the Linux jobs, how many find their language, in that version or the nearest that is named, their services and their addons
            in the bundles that are here now. A file is whole when all its Linux jobs find everything. The nearest counts what
            `versions: nearest` does: Debian's package of the same purpose for one that is gone, MariaDB for MySQL, Chromium and Firefox ESR
            for the browsers. Packages are looked up in the lists of the bundle's own suite. `homebrew` is nothing on Linux, on Travis neither;
            `coverity_scan` counts only where it does nothing for the branch; vendors' other addons, and `docker`, count as missing.

            | language | files | whole, exact | whole, nearest | jobs | version exact | nearest | services | addons |
            |---|---:|---:|---:|---:|---:|---:|---:|---:|

            """
        );
        var rows = coverage
            .Languages.OrderByDescending(pair => pair.Value.Files)
            .ThenBy(pair => pair.Key)
            .Select(pair => (Name: Cell(pair.Key), Tally: pair.Value));
        foreach (var (name, tally) in rows.Append(("all", coverage.All)))
            page.Append(
                CultureInfo.InvariantCulture,
                $"| {name} | {tally.Files} | {tally.FilesExact} | {tally.FilesNearest} | {tally.Jobs} | {tally.Exact} "
                    + $"| {tally.Nearest} | {tally.Services} | {tally.Addons} |\n"
            );
        page.Append("\nMissing most, by the number of files that ask for it:\n\n| missing | files |\n|---|---:|\n");
        foreach (var (what, files) in coverage.Missing.Take(MostMissing))
            page.Append(CultureInfo.InvariantCulture, $"| {Cell(what)} | {files} |\n");
    }

    private static string Reason(ConformanceDifference difference) =>
        difference switch
        {
            { What: "phases" } =>
                "a command that YAML takes for a mapping runs as it was written; Travis ran Ruby's spelling of the mapping.",
            { Name: var name } when name.Contains("broken anchor", StringComparison.Ordinal) =>
                "the alias names nothing YAML allows: the file is refused with its line.",
            { Name: var name } when name.Contains("binary", StringComparison.Ordinal) =>
                "no tag makes anything but text here, `!binary` neither.",
            { Key: "notifications.email", Name: var name } when name.Contains("env", StringComparison.Ordinal) =>
                "an old form of variables for notifications only, which no manual names.",
            { Key: "notifications.email" } => "a slip of the pen inside a notification is mended here and left there.",
            _ => "not explained yet.",
        };

    private static string Cell(string text) =>
        "`" + text.Replace('`', '\'').Replace('|', '/').Replace("\n", " ", StringComparison.Ordinal) + "`";
}
