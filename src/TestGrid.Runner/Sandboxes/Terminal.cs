namespace TestGrid.Runner.Sandboxes;

/// <summary>How large a terminal is, in characters.</summary>
public readonly record struct TerminalSize(int Columns, int Rows)
{
    private const int Most = 1000;

    /// <summary>What a job has: nobody looks at it while it runs.</summary>
    public static TerminalSize OfJobs { get; } = new(120, 40);

    /// <summary>As near to it as a terminal can be: a person's window may say anything.</summary>
    public TerminalSize Usable => new(Math.Clamp(Columns, 2, Most), Math.Clamp(Rows, 2, Most));
}

/// <summary>What a person at a terminal did: typed something, or gave the window another size.</summary>
/// <param name="Typed">The bytes of the keys; empty when none.</param>
/// <param name="Size">The window's new size, or null when it is as it was.</param>
public readonly record struct Stroke(ReadOnlyMemory<byte> Typed, TerminalSize? Size = null);
