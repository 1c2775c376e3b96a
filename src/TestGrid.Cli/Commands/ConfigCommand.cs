using System.CommandLine;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Cli.Runs;
using TestGrid.Core.Config;
using TestGrid.Core.Orders;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid config …</c>: what a configuration means, before it is pushed.</summary>
internal static class ConfigCommand
{
    public static Command Create() =>
        new("config", "the configuration: check it, see its matrix, see a job's script")
        {
            Check(),
            Matrix(),
            Script(),
            ConformanceCommand.Create(),
        };

    /// <summary>Reads a work tree's configuration; prints its problems. Fails when it cannot be used.</summary>
    public static CiConfig Read(WorkTree tree)
    {
        switch (tree.ReadConfig())
        {
            case ConfigReading.Read(var config):
                foreach (var problem in config.Problems)
                    Console.Error.WriteLine(Printed.Plain(problem.ToString()));
                return config;
            case ConfigReading.Refused(var problems):
                foreach (var problem in problems)
                    Console.Error.WriteLine(Printed.Plain(problem.ToString()));
                throw new CommandException("the configuration cannot be used: see above", ExitCodes.Usage);
            default:
                throw new CommandException(
                    $"there is no .testgrid.yml and no .travis.yml in {tree.Folder}",
                    ExitCodes.Usage
                );
        }
    }

    private static Command Check()
    {
        var folder = RunCommand.FolderOption();
        var command = new Command("check", "print every problem, with its line and remedy") { folder };
        command.SetAction(parsed =>
        {
            var tree = WorkTree.Find(parsed.GetValue(folder)!.FullName);
            var config = Read(tree);
            Console.WriteLine(
                $"{config.File}: {config.Jobs.Length} {(config.Jobs.Length == 1 ? "job" : "jobs")}, "
                    + $"{config.Problems.Length} {(config.Problems.Length == 1 ? "warning" : "warnings")}"
            );
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Matrix()
    {
        var folder = RunCommand.FolderOption();
        var json = Printed.JsonOption();
        var command = new Command("matrix", "the jobs that would run, in their order") { folder, json };
        command.SetAction(parsed =>
        {
            var config = Read(WorkTree.Find(parsed.GetValue(folder)!.FullName));
            var jobs = config.Jobs.Select((job, index) => (Number: index + 1, Job: job));
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
        });
        return command;
    }

    private static Command Script()
    {
        var folder = RunCommand.FolderOption();
        var number = new Argument<int>("N") { Description = "the job's number in `config matrix`" };
        var command = new Command("script", "the bash script that a job is") { number, folder };
        command.SetAction(parsed =>
        {
            var tree = WorkTree.Find(parsed.GetValue(folder)!.FullName);
            var config = Read(tree);
            var cell = parsed.GetValue(number);
            if (cell < 1 || cell > config.Jobs.Length)
                throw new CommandException(
                    $"there is no job {cell}: there are {config.Jobs.Length}",
                    ExitCodes.NotFound
                );
            Console.Out.Write(JobScript.Compile(tree.Order(cell, config.Jobs[cell - 1])));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static string What(JobConfig job) =>
        job.Impossible is { } impossible ? $"cannot run here: {impossible.Sentence}"
        : job.AllowFailure ? "may fail"
        : job.Name ?? "";
}
