using System.Collections.Immutable;
using System.CommandLine;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Runs;
using TestGrid.Core.Config;
using TestGrid.Runner.Output;
using TestGrid.Runner.Reporting;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid run</c>: this work tree's matrix, here, in the same bundles and sandboxes, without a server.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var folder = FolderOption();
        var from = ImportFromOption();
        var only = new Option<string[]>("--only")
        {
            Description = "run only the cells that have this value (python=3.11), or this number (3); may be repeated",
            HelpName = "AXIS=VALUE|N",
        };
        var slots = new Option<int>("--slots", "-j")
        {
            Description = "jobs at once",
            DefaultValueFactory = _ => Environment.ProcessorCount,
        };
        var verbose = new Option<bool>("--verbose", "-v") { Description = "show every job's output as it comes" };
        var secrets = SecretOption();
        var command = new Command("run", "run this work tree's matrix here, without a server")
        {
            folder,
            from,
            only,
            slots,
            verbose,
            secrets,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                var tree = WorkTree.Find(parsed.GetValue(folder)!.FullName, parsed.GetValue(from));
                var config = await ConfigCommand.ReadAsync(tree, stop);
                var jobs = Chosen(config, parsed.GetValue(only) ?? [], "--only");
                var detail =
                    parsed.GetValue(verbose) || jobs.Length == 1 ? TerminalDetail.Everything : TerminalDetail.Summary;
                return await LocalRun.RunAsync(
                    tree,
                    jobs,
                    new LocalRunSettings(
                        Math.Max(1, parsed.GetValue(slots)),
                        detail,
                        SecretsFromEnvironment(parsed.GetValue(secrets) ?? []),
                        config.FailFast,
                        config.MaxParallel
                    ),
                    stop
                );
            }
        );
        return command;
    }

    /// <summary>The folder that commands about a work tree take.</summary>
    public static Option<DirectoryInfo> FolderOption() =>
        new("--directory", "-C")
        {
            Description = "the work tree (default: the one around the current folder)",
            DefaultValueFactory = _ => new DirectoryInfo("."),
            HelpName = "DIR",
        };

    /// <summary>Where commands about a work tree find the files that it imports from other repositories.</summary>
    public static Option<string[]> ImportFromOption() =>
        new("--import-from")
        {
            Description = "a folder that has a repository which the configuration imports from; may be repeated",
            HelpName = "OWNER/NAME=DIR",
        };

    /// <summary>What hands a person's own variables in.</summary>
    public static Option<string[]> SecretOption() =>
        new("--secret")
        {
            Description = "hand this variable of your environment to the jobs, masked in their output; may be repeated",
            HelpName = "NAME",
        };

    /// <summary>The jobs that all of the wishes are true of; fails when there is none.</summary>
    /// <param name="option">Where the wishes stand, for the message.</param>
    public static ImmutableArray<(int Cell, JobConfig Config)> Chosen(CiConfig config, string[] only, string option)
    {
        var all = config.Jobs.Select((job, index) => (Cell: index + 1, Config: job));
        var chosen = all.Where(job => only.All(wish => Has(job.Cell, job.Config, wish))).ToImmutableArray();
        if (chosen.IsEmpty)
        {
            throw new CommandException(
                $"no job matches {option}. See the jobs with: testgrid config matrix",
                ExitCodes.NotFound
            );
        }
        return chosen;
    }

    private static bool Has(int cell, JobConfig job, string wish) =>
        wish.Split('=', 2) is [var axis, var value]
            ? job.Cell.Values.Any(one => one.Axis == axis && one.Value == value)
                || job.Cell.Values.Any(one => one.Value == wish) // an env cell holds an equals sign itself
            : $"{cell}" == wish || job.Cell.Values.Any(one => one.Value == wish);

    public static ImmutableSortedDictionary<string, string> SecretsFromEnvironment(string[] names) =>
        names
            .Distinct(StringComparer.Ordinal)
            .ToImmutableSortedDictionary(
                name => name,
                name =>
                    Environment.GetEnvironmentVariable(name) switch
                    {
                        null => throw new CommandException(
                            $"--secret {name}: there is no such variable here",
                            ExitCodes.Usage
                        ),
                        var value when !Redactor.CanMask(value) => throw new CommandException(
                            $"--secret {name}: a value shorter than {Redactor.ShortestValue} bytes cannot be masked: it would "
                                + "take half the log with it. Take a longer one; what may be seen goes under env in the configuration",
                            ExitCodes.Usage
                        ),
                        var value => value,
                    }
            );
}
