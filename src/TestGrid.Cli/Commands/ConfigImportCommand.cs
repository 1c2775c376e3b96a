using System.CommandLine;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Cli.Runs;
using TestGrid.Core.Config.Import;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid config import</c>: a <c>.testgrid.yml</c> from a <c>.travis.yml</c>, and what became of each line.</summary>
internal static class ConfigImportCommand
{
    public static Command Create()
    {
        var source = new Argument<string>("FILE")
        {
            Description = "the .travis.yml, or - for the standard input",
            DefaultValueFactory = _ => ".travis.yml",
        };
        var output = new Option<string>("--output", "-o")
        {
            Description = "where to write, or - for the standard output",
            DefaultValueFactory = _ => ".testgrid.yml",
            HelpName = "FILE",
        };
        var imports = RunCommand.ImportFromOption();
        var force = new Option<bool>("--force") { Description = "write over a file that is there" };
        var json = new Option<bool>("--json") { Description = "the report as one JSON object a line" };
        var command = new Command("import", "write a .testgrid.yml from a .travis.yml, with a report of every key")
        {
            source,
            imports,
            output,
            force,
            json,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                var (from, to) = (parsed.GetValue(source)!, parsed.GetValue(output)!);
                if (to != "-" && File.Exists(to) && !parsed.GetValue(force))
                    throw new CommandException($"{to} is there already; --force writes over it", ExitCodes.Usage);
                var text = await ConfigText.OpenAsync(
                    from,
                    ".travis.yml",
                    WorkTree.Around(from, parsed.GetValue(imports)).Imports,
                    stop
                );
                var result = TravisImport.Of(text.Name, text.Utf8, text.Settings);
                if (result.Text is null)
                {
                    ProblemLines.Write(result.Problems, text.Line, Console.Error);
                    throw new CommandException($"{text.Name} cannot be imported: see above", ExitCodes.Usage);
                }

                if (to == "-")
                    Console.Out.Write(result.Text);
                else
                    File.WriteAllText(to, result.Text);
                Report(result, parsed.GetValue(json), to == "-" ? Console.Error : Console.Out);
                if (to != "-")
                    Console.Error.WriteLine($"{to} is written. Look at it with: testgrid config matrix");
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static void Report(ImportResult result, bool asJson, TextWriter writer)
    {
        if (asJson)
        {
            foreach (var line in result.Report)
                writer.WriteLine(Printed.Json(line));
            return;
        }

        foreach (var line in result.Report)
        {
            var place = line.Line == 0 ? "" : $"{line.Line}";
            var why = line.Why.Length == 0 ? "" : $"  {line.Why}";
            writer.WriteLine(Printed.Plain($"{place, 4}  {Word(line.Fate), -9}  {line.Key}{why}"));
        }
    }

    private static string Word(ImportFate fate) =>
        fate switch
        {
            ImportFate.Kept => "kept",
            ImportFate.Renamed => "renamed",
            ImportFate.Commented => "commented",
            ImportFate.Added => "added",
            _ => "to do",
        };
}
