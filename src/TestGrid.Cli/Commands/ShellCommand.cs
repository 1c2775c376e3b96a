using System.CommandLine;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Runs;
using TestGrid.Cli.Terminals;
using TestGrid.Core.Config;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid shell</c>: a shell in a fresh sandbox, as a job of this work tree would get it.</summary>
internal static class ShellCommand
{
    public static Command Create()
    {
        var folder = RunCommand.FolderOption();
        var from = RunCommand.ImportFromOption();
        var secrets = RunCommand.SecretOption();
        var cell = new Option<string[]>("--cell")
        {
            Description = "the cell: its number (3), or a value (python=3.11); may be repeated (default: the first)",
            HelpName = "N|AXIS=VALUE",
        };
        var bundle = new Option<string?>("--bundle")
        {
            Description = "another bundle than the configuration's: see testgrid bundle list",
            HelpName = "NAME",
        };
        var words = new Argument<string[]>("COMMAND")
        {
            Description = "run this instead of an interactive shell, and end with its exit code; write it after --",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new Command("shell", "open a shell in a fresh sandbox, as a job of this work tree would get it")
        {
            words,
            cell,
            bundle,
            folder,
            from,
            secrets,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                var run = parsed.GetValue(words) ?? [];
                if (run.Length == 0 && !LocalTerminal.IsHere)
                {
                    throw new CommandException(
                        "a shell needs a terminal, and here is none. Give it a command: testgrid shell -- make test",
                        ExitCodes.Usage
                    );
                }
                var tree = WorkTree.Find(parsed.GetValue(folder)!.FullName, parsed.GetValue(from));
                var config = await ConfigCommand.ReadAsync(tree, stop);
                var (number, job) = RunCommand.Chosen(config, parsed.GetValue(cell) ?? [], "--cell")[0];
                if (parsed.GetValue(bundle) is { } other)
                    job = job with { Bundle = other, Impossible = null };
                return await LocalShell.RunAsync(
                    tree,
                    (number, job),
                    Title(config, number, job),
                    [.. run],
                    RunCommand.SecretsFromEnvironment(parsed.GetValue(secrets) ?? []),
                    stop
                );
            }
        );
        return command;
    }

    private static string Title(CiConfig config, int number, JobConfig job) =>
        $"{number} of {config.Jobs.Length}"
        + (job.Cell.Values.IsEmpty ? "" : $": {job.Cell}")
        + (job.Name is { } name ? $" ({name})" : "");
}
