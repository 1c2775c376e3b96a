using System.Diagnostics;

namespace TestGrid.Bench;

/// <summary>A large log from the job's standard output to a subscribed client, byte for byte, through a pipe and through a terminal.</summary>
internal static class LogRate
{
    private const int MegaBytes = 48;

    public static async Task RunAsync(BenchSettings settings, WorkFolder work)
    {
        var rows = new List<string[]>();
        await using var product = await Latency.StartAsync(settings, work.New("log"), "log");
        foreach (var tty in new[] { false, true })
        {
            var slug = $"bench/log-{(tty ? "tty" : "pipe")}";
            var source = new SampleSource(
                work.New("source"),
                $"tty: {(tty ? "true" : "false")}\nscript: yes 'seventy-nine characters of a log line, as a compiler or a test runner writes it 0123' | head -c {MegaBytes}000000\n"
            );
            var secret = await product.RegisterAsync(source.Folder, slug);
            var rate = new Samples();
            long bytes = 0;
            for (var round = -1; round < 5; round++)
            {
                var build = await product.PostAsync(source, slug, secret);
                var (first, last) = (0L, 0L);
                bytes = 0;
                await foreach (var chunk in product.LogAsync(build))
                {
                    bytes += chunk.Bytes.Length;
                    // The heading and the echo of the command are not the flood.
                    if (bytes < 100_000)
                        first = Stopwatch.GetTimestamp();
                    last = Stopwatch.GetTimestamp();
                }
                if (round >= 0)
                    rate.Add(bytes / 1e6 / Stopwatch.GetElapsedTime(first, last).TotalSeconds);
            }
            rows.Add([tty ? "terminal (tty: true)" : "pipe (tty: false)", $"{rate.Median:0}", $"{bytes:N0}"]);
        }
        Table.Print(
            $"{MegaBytes} MB of log, from the job to a SignalR client, median of 5",
            ["way", "MB/s", "bytes received"],
            rows
        );
        Console.WriteLine($"\nmemory of the server afterwards: {Machine.ResidentMiB(product.ProcessId)} MiB");
    }
}
