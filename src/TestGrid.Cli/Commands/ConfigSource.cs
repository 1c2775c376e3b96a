using System.CommandLine;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Runs;

namespace TestGrid.Cli.Commands;

/// <summary>Which configuration a command is about: the work tree's, a file, or the standard input.</summary>
internal sealed class ConfigSource
{
    private readonly Argument<string?> file = new("FILE")
    {
        Description = "a file, or - for the standard input (default: the work tree's)",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<DirectoryInfo> folder = RunCommand.FolderOption();
    private readonly Option<string[]> imports = RunCommand.ImportFromOption();

    private readonly Option<string> name = new("--as")
    {
        Description = "what the standard input is: .travis.yml has Travis's defaults",
        DefaultValueFactory = _ => ".testgrid.yml",
        HelpName = "NAME",
    };

    /// <summary>Gives the command its argument, after those that it has, and options.</summary>
    public void AddTo(Command command)
    {
        command.Add(file);
        command.Add(folder);
        command.Add(imports);
        command.Add(name);
    }

    /// <summary>The configuration, and the work tree that it is in, or would be.</summary>
    public async ValueTask<(WorkTree Tree, ConfigText Text)> OpenAsync(ParseResult parsed, CancellationToken stop)
    {
        var from = parsed.GetValue(imports);
        if (parsed.GetValue(file) is not { } path)
        {
            var own = WorkTree.Find(parsed.GetValue(folder)!.FullName, from);
            return (own, await TextAsync(own, stop));
        }

        var tree = WorkTree.Around(path, from);
        return (tree, await ConfigText.OpenAsync(path, parsed.GetValue(name)!, tree.Imports, stop));
    }

    /// <summary>A work tree's configuration.</summary>
    public static async ValueTask<ConfigText> TextAsync(WorkTree tree, CancellationToken stop) =>
        await tree.ReadConfigAsync(stop)
        ?? throw new CommandException(
            $"there is no .testgrid.yml and no .travis.yml in {tree.Folder}",
            ExitCodes.Usage
        );
}
