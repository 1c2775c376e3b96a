using System.Diagnostics;
using System.Globalization;

namespace TestGrid.Bench;

/// <summary>A folder for one run; sandboxes run as strangers, so others may pass through it.</summary>
internal sealed class WorkFolder : IDisposable
{
    private int made;

    public WorkFolder()
    {
        Path = Directory.CreateTempSubdirectory("testgrid-bench-").FullName;
        File.SetUnixFileMode(Path, (UnixFileMode)0b111_101_101);
    }

    public string Path { get; }

    /// <summary>A new name below it.</summary>
    public string New(string name) => System.IO.Path.Combine(Path, $"{name}-{++made}");

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (IOException e)
        {
            Console.Error.WriteLine($"left behind: {Path} ({e.Message})");
        }
    }
}

internal static class Machine
{
    public static string Describe() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Environment.ProcessorCount} processors, Linux {Environment.OSVersion.Version}, .NET {Environment.Version}, load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}"
        );

    /// <summary>Resident memory of a process, in MiB.</summary>
    public static long ResidentMiB(int process) =>
        long.Parse(
            File.ReadLines($"/proc/{process}/status")
                .First(line => line.StartsWith("VmRSS", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture
        ) / 1024;

    /// <summary>
    /// Processor time in milliseconds that a process and all its children, ended and reaped or not, have taken: by the
    /// kernel's own accounting group, since what a sandbox ran is nobody's child any more.
    /// </summary>
    public static double CpuMs(string group) =>
        File.Exists(Path.Combine(group, "cpuacct.usage"))
            ? long.Parse(File.ReadAllText(Path.Combine(group, "cpuacct.usage")), CultureInfo.InvariantCulture) / 1e6
            : long.Parse(
                File.ReadLines(Path.Combine(group, "cpu.stat")).First().Split(' ')[1],
                CultureInfo.InvariantCulture
            ) / 1e3;

    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {await errors}");
    }
}

/// <summary>Samples of one figure.</summary>
internal sealed class Samples
{
    private readonly List<double> values = [];

    public void Add(double value) => values.Add(value);

    public int Count => values.Count;

    public double Total => values.Sum();

    public double Median => At(0.5);

    public double Least => values.Count == 0 ? double.NaN : values.Min();

    public double At(double share)
    {
        if (values.Count == 0)
            return double.NaN;
        var sorted = values.Order().ToArray();
        return sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))];
    }

    /// <summary>The median of the ratios, pair by pair: holds when the machine's speed drifts during a run.</summary>
    public double RatioTo(Samples other)
    {
        var ratios = values.Zip(other.values, (mine, theirs) => mine / theirs).Order().ToArray();
        return ratios.Length == 0 ? double.NaN : ratios[ratios.Length / 2];
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Median:0.0} ({Least:0.0}; p90 {At(0.9):0.0})");
}

internal static class Table
{
    public static void Print(string title, string[] columns, IEnumerable<string[]> rows)
    {
        Console.WriteLine($"\n{title}\n");
        Console.WriteLine("| " + string.Join(" | ", columns) + " |");
        Console.WriteLine("|" + string.Concat(columns.Select(_ => " --- |")));
        foreach (var row in rows)
            Console.WriteLine("| " + string.Join(" | ", row) + " |");
    }
}
