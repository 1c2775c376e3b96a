using System.CommandLine;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Core.Conformance;

namespace TestGrid.Cli.Commands;

/// <summary>
/// <c>testgrid config coverage</c>: how many Linux jobs of many configurations would find what they ask for here.
/// </summary>
internal static class CoverageCommand
{
    public static Command Create()
    {
        var oracle = OracleFiles.Option();
        var facts = OracleFiles.FactsOption();
        var most = new Option<int>("--missing")
        {
            Description = "how many of the missing things to name, the most wanted first",
            DefaultValueFactory = _ => 20,
        };
        var json = Printed.JsonOption();
        var command = new Command(
            "coverage",
            "how many Linux jobs of an oracle's configurations would find language, version, services and addons here"
        )
        {
            oracle,
            facts,
            most,
            json,
        };
        command.SetAction(parsed =>
        {
            var run = Count(new OracleFiles(parsed.GetValue(oracle)!, parsed.GetValue(facts)));
            var missing = run.Missing.Take(parsed.GetValue(most)).ToList();
            if (parsed.GetValue(json))
                return Printed.Lines([
                    new
                    {
                        all = run.All,
                        languages = run.Languages,
                        missing = missing.Select(one => new { what = one.What, files = one.Files }),
                    },
                ]);
            Printed.Table(
                ["language", "files", "whole", "nearest", "jobs", "version", "nearest", "services", "addons"],
                run.Languages.OrderByDescending(pair => pair.Value.Files)
                    .Select(pair => (pair.Key, pair.Value))
                    .Append(("all", run.All))
                    .Select(row => Row(row.Item1, row.Item2))
            );
            Console.WriteLine("\nMissing most, by files that ask for it");
            Printed.Table(["files", "missing"], missing.Select(one => (string[])[$"{one.Files}", one.What]));
            return ExitCodes.Ok;
        });
        return command;
    }

    /// <summary>Counts an oracle's configurations against the recipes of this installation.</summary>
    public static CoverageRun Count(OracleFiles oracle)
    {
        var here = LocalServices.ConfigSettings();
        var run = new CoverageRun(here.Offers, here.Services, oracle.Events);
        foreach (var (_, line) in oracle.Lines())
            run.Add(line);
        return run;
    }

    private static string[] Row(string language, CoverageTally tally) =>
        [
            language,
            $"{tally.Files}",
            Share(tally.FilesExact, tally.Files),
            Share(tally.FilesNearest, tally.Files),
            $"{tally.Jobs}",
            Share(tally.Exact, tally.Jobs),
            Share(tally.Nearest, tally.Jobs),
            Share(tally.Services, tally.Jobs),
            Share(tally.Addons, tally.Jobs),
        ];

    private static string Share(int part, int whole) => whole == 0 ? "-" : $"{100.0 * part / whole:0.0} %";
}
