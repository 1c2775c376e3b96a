namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>How many files a process of a job may have open.</summary>
internal static class OpenFiles
{
    private static readonly (long Soft, long Hard) Most = Read();

    public static long Soft => Most.Soft;

    public static long Hard => Most.Hard;

    // A hard limit can be lowered by anyone and raised by few: ask for no more than we have.
    private static (long Soft, long Hard) Read()
    {
        var line = File.ReadLines("/proc/self/limits")
            .First(text => text.StartsWith("Max open files", StringComparison.Ordinal));
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var hard = long.TryParse(words[4], out var read) ? Math.Min(read, 1 << 20) : 1 << 20;
        return (Math.Min(hard, 65536), hard);
    }
}
