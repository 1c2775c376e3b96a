using System.CommandLine;
using System.Diagnostics;
using System.IO.Compression;
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
        var oracle = new Option<FileInfo[]>("--oracle")
        {
            Description = "a file of JSON lines, packed by gzip or xz or not; may be given more than once",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        var facts = new Option<FileInfo?>("--facts")
        {
            Description = "the events that conditions are evaluated for (else conditions_data.json beside the oracle)",
        };
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
        command.SetAction(parsed =>
        {
            var files = parsed.GetValue(oracle)!;
            var run = Compare(files, parsed.GetValue(facts));
            if (parsed.GetValue(page) is { } target)
            {
                const string written = "testgrid config conformance --oracle FILE… --page docs/travis-compatibility.md";
                var today = DateOnly.FromDateTime(TimeProvider.System.GetLocalNow().Date);
                File.WriteAllText(target.FullName, CompatibilityPage.Write(run, today, written));
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
                    },
                ]);
            Print(run, most);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static ConformanceRun Compare(FileInfo[] files, FileInfo? facts)
    {
        var data = facts ?? new FileInfo(Path.Combine(files[0].DirectoryName!, "conditions_data.json"));
        var events = data.Exists
            ? JsonNode
                .Parse(File.ReadAllText(data.FullName))!
                .AsObject()
                .ToDictionary(pair => pair.Key, pair => pair.Value!.AsObject())
            : [];
        var run = new ConformanceRun(events);
        foreach (var file in files)
        {
            if (!file.Exists)
                throw new CommandException($"there is no {file.FullName}", ExitCodes.NotFound);
            foreach (var line in Lines(file))
            {
                if (!run.Add(line))
                    throw new CommandException(
                        $"{file.Name} holds a line of no form that is known: {Short(line)}",
                        ExitCodes.Usage
                    );
            }
        }

        return run;
    }

    private static IEnumerable<JsonObject> Lines(FileInfo file)
    {
        using var reader = Open(file);
        if (file.Extension == ".json")
        {
            var whole = JsonNode.Parse(reader.ReadToEnd());
            foreach (var item in whole is JsonArray list ? list.OfType<JsonObject>() : [whole!.AsObject()])
                yield return item;
            yield break;
        }

        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0)
                yield return JsonNode.Parse(line)!.AsObject();
        }
    }

    private static StreamReader Open(FileInfo file)
    {
        switch (file.Extension)
        {
            case ".gz":
                return new StreamReader(new GZipStream(file.OpenRead(), CompressionMode.Decompress));
            case ".xz":
                try
                {
                    var xz = Process.Start(
                        new ProcessStartInfo("xz", ["-dc", file.FullName]) { RedirectStandardOutput = true }
                    )!;
                    return xz.StandardOutput;
                }
                catch (System.ComponentModel.Win32Exception)
                {
                    throw new CommandException($"{file.Name} needs the program xz (xz-utils)", ExitCodes.NotFound);
                }

            default:
                return file.OpenText();
        }
    }

    private static void Print(ConformanceRun run, int most)
    {
        foreach (var (what, same, of) in run.Counts.Rows())
            Console.WriteLine($"{what, -14}{same, 7:N0} of {of, 7:N0}   {100.0 * same / of, 6:0.00} %");
        foreach (var difference in run.Differences.Take(most))
        {
            Console.WriteLine(Printed.Plain($"\n{difference.Name}: {difference.What} {difference.Key}"));
            Console.WriteLine(Printed.Plain($"  here   {difference.Ours}"));
            Console.WriteLine(Printed.Plain($"  Travis {difference.Theirs}"));
        }

        if (run.Differences.Count > most)
            Console.WriteLine($"\n… and {run.Differences.Count - most} more: see --all");
    }

    private static string Short(JsonObject line)
    {
        var text = line.ToJsonString();
        return text.Length <= 100 ? text : text[..100] + "…";
    }
}
