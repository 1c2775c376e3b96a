using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Core.Bundles;
using TestGrid.Core.Conformance;
using TestGrid.Runner.Bundles;

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
        command.SetAction(
            async (parsed, stop) =>
            {
                var run = await CountAsync(new OracleFiles(parsed.GetValue(oracle)!, parsed.GetValue(facts)), stop);
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
            }
        );
        return command;
    }

    /// <summary>
    /// Counts an oracle's configurations against the recipes of this installation and the packages of its mirror.
    /// </summary>
    public static async Task<CoverageRun> CountAsync(OracleFiles oracle, CancellationToken stop)
    {
        var here = LocalServices.ConfigSettings();
        var packages = await PackagesAsync(here.Offers, stop);
        var run = new CoverageRun(here.Offers, here.Services, oracle.Events, packages);
        foreach (var (_, line) in oracle.Lines())
            run.Add(line);
        return run;
    }

    private static async Task<Dictionary<string, IReadOnlySet<string>>> PackagesAsync(
        IEnumerable<BundleOffer> offers,
        CancellationToken stop
    )
    {
        await using var services = LocalServices.ForBundles();
        var sources = services.GetRequiredService<AptSources>();
        var packages = new Dictionary<string, IReadOnlySet<string>>(StringComparer.Ordinal);
        foreach (var suite in offers.Select(offer => offer.Suite).OfType<string>().Distinct())
        {
            try
            {
                packages[suite] = await sources.NamesAsync(suite, stop);
            }
            catch (BundleException e)
            {
                Console.Error.WriteLine($"Every package counts as there in {suite}: {e.Message}");
            }
        }
        return packages;
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
