using System.CommandLine;
using System.ComponentModel.DataAnnotations;
using TestGrid.Cli.Api;
using TestGrid.Cli.Diagnosis;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Cli.Serving;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid doctor</c>: looks at each part of this machine that TestGrid needs, and says what mends it.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var settings = new ServingOptions();
        var json = Printed.JsonOption();
        var command = new Command(
            "doctor",
            """
            look at each part of this machine; say what is wrong and the line that mends it

            With --server and --token-file: of a runner's machine, and whether it reaches its server. Nothing is changed.
            """
        )
        {
            json,
        };
        settings.AddPlacesTo(command);
        command.SetAction(
            (parsed, stop) =>
                RunAsync(
                    settings.Read(parsed),
                    Connection.IsNamed(parsed) ? () => Connection.OfRunner(parsed) : null,
                    parsed.GetValue(json),
                    stop
                )
        );
        return command;
    }

    private static async Task<int> RunAsync(
        ServingSettings settings,
        Func<Connection>? runnerOf,
        bool json,
        CancellationToken stop
    )
    {
        var findings = await ExamineAsync(settings, runnerOf, stop);
        if (json)
            Printed.Lines(findings);
        else
            Print(findings);
        return findings.Any(finding => finding.Level is FindingLevel.Failure) ? ExitCodes.Broken : ExitCodes.Ok;
    }

    private static async Task<List<Finding>> ExamineAsync(
        ServingSettings settings,
        Func<Connection>? runnerOf,
        CancellationToken stop
    )
    {
        try
        {
            await using var ground = Ground.Open(settings, runnerOf);
            return await Checkup.ExamineAsync(ground, stop).ToListAsync(stop);
        }
        catch (ValidationException e)
        {
            // Nothing else can be judged: what is needed depends on them.
            var file = Path.Combine(settings.DataPath, "testgrid.json");
            return
            [
                new Finding(
                    "settings",
                    "settings",
                    FindingLevel.Failure,
                    e.Message,
                    $"mend {file}, the TESTGRID_… variable, or the option"
                ),
            ];
        }
    }

    private static void Print(List<Finding> findings)
    {
        Printed.Table(
            ["part", "what", "state", "found"],
            findings.Select(finding =>
                (string[])[finding.Part, finding.What, $"{Sign(finding.Level)} {Word(finding.Level)}", finding.Detail]
            )
        );
        var mendable = findings.Where(finding => finding.Remedy is not null).ToList();
        foreach (
            var level in (ReadOnlySpan<FindingLevel>)[FindingLevel.Failure, FindingLevel.Warning, FindingLevel.Note]
        )
        {
            var group = mendable.Where(finding => finding.Level == level).ToList();
            if (group.Count == 0)
                continue;
            Console.WriteLine(level is FindingLevel.Note ? "\nIf you want it:" : $"\nTo mend ({Word(level)}):");
            foreach (var finding in group)
                Console.WriteLine(Printed.Plain($"  {finding.Part}, {finding.What}:  {finding.Remedy}"));
        }
        var (failures, warnings) = (Count(findings, FindingLevel.Failure), Count(findings, FindingLevel.Warning));
        Console.WriteLine(
            (failures, warnings) switch
            {
                (0, 0) => "\nThis machine has what the settings need.",
                (0, _) =>
                    $"\nIt works; {warnings} {(warnings == 1 ? "thing is" : "things are")} weaker than it could be.",
                _ => $"\n{failures} {(failures == 1 ? "part is" : "parts are")} broken.",
            }
        );
    }

    private static int Count(List<Finding> findings, FindingLevel level) =>
        findings.Count(finding => finding.Level == level);

    private static string Word(FindingLevel level) => level.ToString().ToLowerInvariant();

    // A shape beside the word: never a colour alone.
    private static string Sign(FindingLevel level) =>
        level switch
        {
            FindingLevel.Ok => "✔",
            FindingLevel.Note => "·",
            FindingLevel.Warning => "!",
            _ => "✘",
        };
}
