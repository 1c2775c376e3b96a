namespace TestGrid.Runner.Facts;

/// <summary>The script that tells a machine's facts where TestGrid is not installed: <c>facts.sh</c>.</summary>
public static class FactsScript
{
    /// <summary>POSIX sh, with line feeds.</summary>
    public static string Text { get; } = Read();

    private static string Read()
    {
        using var stream = typeof(FactsScript).Assembly.GetManifestResourceStream("facts.sh")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
