namespace TestGrid.Cli.Exits;

/// <summary>What the program's exit codes mean: docs/cli.md.</summary>
public static class ExitCodes
{
    public const int Ok = 0;

    /// <summary>A test failed: the code is red.</summary>
    public const int Failed = 1;

    /// <summary>The command line or the configuration cannot be read.</summary>
    public const int Usage = 2;

    /// <summary>TestGrid, its server or its machine failed.</summary>
    public const int Broken = 3;

    /// <summary>Nothing matched: no such build, job or repository.</summary>
    public const int NotFound = 5;

    /// <summary>Ctrl-C.</summary>
    public const int Interrupted = 130;
}

/// <summary>A command cannot do what was asked; the message says why and what to do.</summary>
public sealed class CommandException(string message, int exitCode = ExitCodes.Broken) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}
