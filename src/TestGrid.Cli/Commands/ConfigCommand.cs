using System.CommandLine;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Cli.Runs;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid config …</c>: what a configuration means, before it is pushed.</summary>
internal static class ConfigCommand
{
    public static Command Create() =>
        new("config", "the configuration: check it, see its matrix, see a job's script, make one from Travis's")
        {
            Check(),
            Matrix(),
            ConfigExplainCommand.Create(),
            ConfigImportCommand.Create(),
            Script(),
            ConformanceCommand.Create(),
            CoverageCommand.Create(),
        };

    /// <summary>Reads a work tree's configuration; prints its problems. Fails when it cannot be used.</summary>
    public static async ValueTask<CiConfig> ReadAsync(WorkTree tree, CancellationToken stop) =>
        Read(await ConfigSource.TextAsync(tree, stop));

    /// <summary>The same of a text.</summary>
    public static CiConfig Read(ConfigText text)
    {
        switch (text.Reading)
        {
            case ConfigReading.Read(var config):
                ProblemLines.Write(config.Problems, text.Line, Console.Error);
                return config;
            case ConfigReading.Refused(var problems):
                ProblemLines.Write(problems, text.Line, Console.Error);
                throw new CommandException("the configuration cannot be used: see above", ExitCodes.Usage);
            default:
                throw new InvalidOperationException();
        }
    }

    /// <summary>The job of that number; fails when there is none.</summary>
    public static JobConfig Job(CiConfig config, int cell) =>
        cell >= 1 && cell <= config.Jobs.Length
            ? config.Jobs[cell - 1]
            : throw new CommandException(
                $"there is no job {cell}: there are {config.Jobs.Length}. See them with: testgrid config matrix",
                ExitCodes.NotFound
            );

    private static Command Check()
    {
        var source = new ConfigSource();
        var json = new Option<bool>("--json") { Description = "one JSON object: file, valid, jobs, axes, problems" };
        var strict = new Option<bool>("--strict") { Description = "a warning fails too" };
        var command = new Command("check", "print every problem, with its line and remedy") { strict, json };
        source.AddTo(command);
        command.SetAction(
            async (parsed, stop) =>
            {
                var (_, text) = await source.OpenAsync(parsed, stop);
                var config = (text.Reading as ConfigReading.Read)?.Config;
                var problems = config?.Problems ?? ((ConfigReading.Refused)text.Reading).Problems;
                var isValid = config is not null && !(parsed.GetValue(strict) && problems.Length > 0);
                if (parsed.GetValue(json))
                    Printed.Lines([
                        new
                        {
                            file = text.Name,
                            valid = isValid,
                            jobs = config?.Jobs.Length ?? 0,
                            axes = config?.Axes ?? [],
                            problems,
                        },
                    ]);
                else
                {
                    ProblemLines.Write(problems, text.Line, Console.Error);
                    Console.WriteLine(Printed.Plain($"{text.Name}: {Sum(config, problems)}"));
                }

                return isValid ? ExitCodes.Ok : ExitCodes.Usage;
            }
        );
        return command;
    }

    private static string Sum(CiConfig? config, IReadOnlyCollection<ConfigProblem> problems)
    {
        var errors = problems.Count(problem => problem.IsError);
        var impossible = config?.Jobs.Count(job => job.Impossible is not null) ?? 0;
        return string.Join(
            ", ",
            new[]
            {
                config is null ? "cannot be used" : Count(config.Jobs.Length, "job"),
                errors == 0 ? null : Count(errors, "error"),
                Count(problems.Count - errors, "warning"),
                impossible == 0
                    ? null
                    : $"{Count(impossible, "job")} cannot run here (testgrid config matrix says why)",
            }.OfType<string>()
        );
    }

    private static string Count(int number, string what) => $"{number} {what}{(number == 1 ? "" : "s")}";

    private static Command Matrix()
    {
        var source = new ConfigSource();
        var json = Printed.JsonOption();
        var only = new Option<int?>("--job") { Description = "only this job", HelpName = "N" };
        var command = new Command("matrix", "the jobs that would run, in their order") { only, json };
        source.AddTo(command);
        command.SetAction(
            async (parsed, stop) =>
            {
                var (_, text) = await source.OpenAsync(parsed, stop);
                var config = Read(text);
                var jobs = config.Jobs.Select((job, index) => (Number: index + 1, Job: job));
                if (parsed.GetValue(only) is { } cell)
                    jobs = [(cell, Job(config, cell))];
                if (parsed.GetValue(json))
                    return Printed.Lines(jobs.Select(one => new { cell = one.Number, config = one.Job }));
                string[] columns = ["job", .. config.Axes, "bundle", "what"];
                Printed.Table(
                    columns,
                    jobs.Select(one =>
                        (string[])
                            [
                                $"{one.Number}",
                                .. config.Axes.Select(axis =>
                                    one.Job.Cell.Values.FirstOrDefault(value => value.Axis == axis)?.Value ?? ""
                                ),
                                one.Job.Bundle,
                                What(one.Job),
                            ]
                    )
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Script()
    {
        var source = new ConfigSource();
        var number = new Argument<int>("N") { Description = "the job's number in `config matrix`" };
        var command = new Command("script", "the bash script that a job is") { number };
        source.AddTo(command);
        command.SetAction(
            async (parsed, stop) =>
            {
                var (tree, text) = await source.OpenAsync(parsed, stop);
                var cell = parsed.GetValue(number);
                Console.Out.Write(JobScript.Compile(tree.Order(cell, Job(Read(text), cell), JobLimits.Default)));
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static string What(JobConfig job) =>
        job.Impossible is { } impossible ? $"cannot run here: {impossible.Sentence}"
        : job.AllowFailure ? "may fail"
        : job.Name ?? "";
}
