using System.Collections.Immutable;
using System.CommandLine;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid config explain</c>: one job, where each of its values comes from, and the script that would run.</summary>
internal static class ConfigExplainCommand
{
    public static Command Create()
    {
        var source = new ConfigSource();
        var number = new Argument<int>("JOB") { Description = "the job's number in `config matrix`" };
        var full = new Option<bool>("--full") { Description = "the script with all its functions" };
        var json = new Option<bool>("--json") { Description = "one JSON object: cell, config, origins, script" };
        var command = new Command("explain", "where each value of a job comes from, and the script that would run")
        {
            number,
            full,
            json,
        };
        source.AddTo(command);
        command.SetAction(
            async (parsed, stop) =>
            {
                var (tree, text) = await source.OpenAsync(parsed, stop);
                var config = ConfigCommand.Read(text);
                var cell = parsed.GetValue(number);
                var job = ConfigCommand.Job(config, cell);
                var origins = JobOrigins.Of(text.Name, text.Utf8, text.Settings, cell, job);
                var order = tree.Order(cell, job, JobLimits.Default); // a script holds no limit
                var script = parsed.GetValue(full) ? JobScript.Compile(order) : JobScript.Body(order);
                if (parsed.GetValue(json))
                    return Printed.Lines([
                        new
                        {
                            cell,
                            config = job,
                            origins,
                            script,
                        },
                    ]);
                Write(cell, config.Jobs.Length, job, origins);
                Console.WriteLine(
                    parsed.GetValue(full) ? "\nThe script\n" : "\nThe script (--full: with its functions)\n"
                );
                Console.Write(script);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static void Write(int cell, int jobs, JobConfig job, ImmutableArray<ValueOrigin> origins)
    {
        Line($"Job {cell} of {jobs}  {job.Name ?? job.Cell.ToString()}");
        if (job.Impossible is { } impossible)
            Line($"It cannot run here: {impossible.Sentence}");
        else
            Line($"It runs in the bundle {job.Bundle}{(job.AllowFailure ? ", and may fail" : "")}.");
        foreach (var (name, bundle, service) in job.Services)
            Line(
                $"Beside it runs {name} {service.Version}, of the bundle {bundle}, at localhost:{service.Port}"
                    + (service.Sockets is { } sockets ? $" and in {sockets}." : ".")
            );
        foreach (var note in job.Notes)
            Line($"Note: {note}");
        Console.WriteLine("\nWhere each value comes from");
        var width = origins.Max(origin => origin.Key.Length) + 2;
        foreach (var origin in origins)
        {
            // A language's own steps stand in the script below.
            var isLong = origin.Line == 0 && origin.Value.Contains('\n', StringComparison.Ordinal);
            var lines = isLong ? ["(see the script)"] : origin.Value.Split('\n');
            var from = origin.Line > 0 ? $"{origin.File}:{origin.Line}" : origin.Why;
            Line(
                $"  {origin.Key.PadRight(width)}{lines[0]}  <- {from}{(origin.Line > 0 && origin.Why.Length > 0 ? $" ({origin.Why})" : "")}"
            );
            foreach (var more in lines.Skip(1))
                Line($"  {"".PadRight(width)}{more}");
        }
    }

    private static void Line(string text) => Console.WriteLine(Printed.Plain(text));
}
