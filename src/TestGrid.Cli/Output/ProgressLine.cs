using TestGrid.Runner.Bundles;

namespace TestGrid.Cli.Output;

/// <summary>The progress of a bundle on standard error: one line that moves at a terminal, a line a step elsewhere.</summary>
internal sealed class ProgressLine : IProgress<BundleProgress>, IDisposable
{
    private readonly Lock gate = new();
    private readonly bool moves = !Console.IsErrorRedirected;
    private string last = "";

    public void Report(BundleProgress value)
    {
        lock (gate)
        {
            var line = moves ? value.ToString() : $"bundle {value.Recipe}: {value.Phase}";
            if (line == last)
                return;
            last = line;
            if (moves)
                Console.Error.Write($"\r\e[K{line}");
            else
                Console.Error.WriteLine(line);
        }
    }

    /// <summary>Takes the moving line away.</summary>
    public void Clear()
    {
        lock (gate)
        {
            if (moves && last.Length > 0)
                Console.Error.Write("\r\e[K");
            last = "";
        }
    }

    public void Dispose() => Clear();
}
