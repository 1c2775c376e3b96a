using System.CommandLine;
using System.Text.Json.Nodes;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Core.Conformance;

namespace TestGrid.Cli.Commands;

/// <summary>
/// <c>testgrid config conformance</c>: how much of what Travis's own library says of files is the same here.
/// </summary>
internal static class ConformanceCommand
{
    private const int Shown = 20;

    public static Command Create()
    {
        var oracle = OracleFiles.Option();
        var facts = OracleFiles.FactsOption();
        var all = new Option<bool>("--all") { Description = $"print every difference, not the first {Shown}" };
        var page = new Option<FileInfo?>("--page")
        {
            Description = "write the figures and the reasons of differences there too: docs/travis-compatibility.md",
        };
        var json = Printed.JsonOption();
        var command = new Command(
            "conformance",
            "compare reading and expansion with an oracle: a file of configurations and what Travis makes of them"
        )
        {
            oracle,
            facts,
            all,
            page,
            json,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                var files = new OracleFiles(parsed.GetValue(oracle)!, parsed.GetValue(facts));
                var run = Compare(files);
                if (parsed.GetValue(page) is { } target)
                {
                    const string written =
                        "testgrid config conformance --oracle FILE… --page docs/travis-compatibility.md";
                    var today = DateOnly.FromDateTime(TimeProvider.System.GetLocalNow().Date);
                    var coverage = await CoverageCommand.CountAsync(files, stop);
                    File.WriteAllText(target.FullName, CompatibilityPage.Write(run, coverage, today, written));
                }

                var most = parsed.GetValue(all) ? int.MaxValue : Shown;
                if (parsed.GetValue(json))
                    return Printed.Lines([
                        new
                        {
                            run.Counts.Files,
                            run.Counts.JobCountEqual,
                            run.Counts.JobsEqual,
                            run.Counts.PhasesEqual,
                            run.Counts.ConfigEqual,
                            run.Counts.SpecsEqual,
                            run.Counts.ConditionsEqual,
                            run.Counts.EnvLinesEqual,
                            run.Counts,
                            differences = run.Differences.Take(most),
                            differing = run.Differences.Count,
                            unsaid = run.Unsaid.Take(most).Select(one => $"{one.Name}: {one.What} {one.About}"),
                        },
                    ]);
                Print(run, most);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static ConformanceRun Compare(OracleFiles oracle)
    {
        var run = new ConformanceRun(oracle.Events);
        foreach (var (file, line) in oracle.Lines())
        {
            if (!run.Add(line))
                throw new CommandException(
                    $"{file} holds a line of no form that is known: {Short(line)}",
                    ExitCodes.Usage
                );
        }

        return run;
    }

    private static void Print(ConformanceRun run, int most)
    {
        foreach (var (what, same, of) in run.Counts.Rows())
            Console.WriteLine($"{what, -17}{same, 7:N0} of {of, 7:N0}   {100.0 * same / of, 6:0.00} %");
        foreach (var difference in run.Differences.Take(most))
        {
            Console.WriteLine(Printed.Plain($"\n{difference.Name}: {difference.What} {difference.Key}"));
            Console.WriteLine(Printed.Plain($"  here   {difference.Ours}"));
            Console.WriteLine(Printed.Plain($"  Travis {difference.Theirs}"));
        }

        if (run.Unsaid.Count > 0)
            Console.WriteLine("\nSaid by Travis and not here");
        foreach (var (name, what, about) in run.Unsaid.Take(most))
            Console.WriteLine(Printed.Plain($"  {name}: {what} {about}"));
        if (run.Differences.Count > most)
            Console.WriteLine($"\n… and {run.Differences.Count - most} more: see --all");
    }

    private static string Short(JsonObject line)
    {
        var text = line.ToJsonString();
        return text.Length <= 100 ? text : text[..100] + "…";
    }
}
