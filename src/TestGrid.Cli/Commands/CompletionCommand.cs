using System.CommandLine;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid completion bash|zsh|fish</c>: the shim that asks the program itself for suggestions.</summary>
internal static class CompletionCommand
{
    public static Command Create()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "print completions for a shell: eval \"$(testgrid completion bash)\"")
        {
            shell,
        };
        command.SetAction(parsed => Console.Out.WriteLine(Shim(parsed.GetValue(shell)!)));
        return command;
    }

    // System.CommandLine answers `testgrid [suggest:POSITION] "the line"` with one suggestion a line.
    private static string Shim(string shell) =>
        shell switch
        {
            "bash" => """
                _testgrid() {
                  local IFS=$'\n'
                  COMPREPLY=($(compgen -W "$(testgrid "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
                }
                complete -o default -F _testgrid testgrid
                """,
            "zsh" => """
                _testgrid() { compadd -- ${(f)"$(testgrid "[suggest:${CURSOR}]" "$BUFFER" 2>/dev/null)"} }
                compdef _testgrid testgrid
                """,
            _ => """
                complete -c testgrid -f -a '(testgrid "[suggest:"(commandline -C)"]" (commandline -b) 2>/dev/null)'
                """,
        };
}
