using System.Diagnostics;

namespace TestGrid.Bench;

/// <summary>
/// How fast a job that writes as fast as it can gets its log into the server's file, and what memory that takes: through a
/// pipe, through a pipe with five secrets to mask, through a terminal.
/// </summary>
internal static class LogFileRate
{
    private const long Bytes = 1_000_000_000;
    private const int Rounds = 3;

    private const string Secret = "a-secret-of-the-bench-";

    // One process and large writes: what is measured shall be ours, not the job's. A line in a hundred holds a secret.
    private const string Write =
        "perl -e '$l = q(seventy-nine characters of a log line, as a compiler or a test runner writes it 0123).qq(\\n); "
        + "$b = substr(($l x 99 . qq($ENV{SECRET1}\\n)) x 10, 0, 64000); syswrite STDOUT, $b for 1 .. 15625'";

    public static async Task RunAsync(BenchSettings settings, WorkFolder work)
    {
        var data = work.New("log-file");
        Directory.CreateDirectory(data);
        await File.WriteAllTextAsync(
            Path.Combine(data, "testgrid.json"),
            """{ "planning": { "limits": { "logBytes": 4294967296 } } }"""
        );
        await using var product = await Latency.StartAsync(settings, data, "log-file");
        var rows = new List<string[]>();
        foreach (
            var (way, tty, secrets) in ((string, bool, int)[])
                [
                    ("pipe (tty: false)", false, 0),
                    ("pipe, five secrets masked", false, 5),
                    ("terminal (tty: true)", true, 0),
                ]
        )
        {
            var source = new SampleSource(
                work.New("source"),
                $"tty: {(tty ? "true" : "false")}\nscript:\n  - {System.Text.Json.JsonSerializer.Serialize(Write)}\n"
            );
            var slug = $"bench/log-file-{(tty ? "tty" : "pipe")}-{secrets}";
            var secret = await product.RegisterAsync(source.Folder, slug);
            for (var i = 1; i <= secrets; i++)
                await product.SetSecretAsync(slug, $"SECRET{i}", $"{Secret}{i:00}");
            var (rate, start, peak) = (new Samples(), 0L, 0L);
            for (var round = 0; round < Rounds; round++)
            {
                var build = await product.PostAsync(source, slug, secret);
                var log = Path.Combine(data, "logs", $"{build}", "1-1.log");
                var before = Machine.ResidentMiB(product.ProcessId);
                start = round == 0 ? before : start;
                var watching = WatchAsync(log, product.ProcessId);
                await product.FinishedAsync(build, 0);
                var (seconds, bytes, most) = await watching;
                peak = Math.Max(peak, most);
                rate.Add(bytes / 1e6 / seconds);
                Check(log, secrets > 0);
                File.Delete(log);
            }
            rows.Add([way, $"{rate}", $"{start}", $"{peak}"]);
        }
        Table.Print(
            $"1 GB of log, from the job to the server's file, MB/s: median (least; p90) of {Rounds}; memory of server and runner in MiB",
            ["way", "MB/s", "resident before", "at most"],
            rows
        );
    }

    // A figure of a log that is not what the job wrote would be none.
    private static void Check(string path, bool masked)
    {
        var middle = new byte[1 << 20];
        using var file = File.OpenHandle(path);
        var read = RandomAccess.Read(file, middle, Bytes / 2);
        var text = System.Text.Encoding.UTF8.GetString(middle, 0, read);
        if (
            !text.Contains("characters of a log line", StringComparison.Ordinal)
            || text.Contains(Secret, StringComparison.Ordinal)
            || text.Contains("[secure]", StringComparison.Ordinal) != masked
        )
            throw new InvalidOperationException($"{path} is not what the job wrote");
    }

    // From the first 100 KB on: before, the job has not begun to write. The last byte is followed by the verdict.
    private static async Task<(double Seconds, long Bytes, long Peak)> WatchAsync(string path, int process)
    {
        var (first, begun, peak) = (0L, 0L, 0L);
        while (true)
        {
            var length = File.Exists(path) ? new FileInfo(path).Length : 0;
            if (begun == 0 && length > 100_000)
                (first, begun) = (length, Stopwatch.GetTimestamp());
            peak = Math.Max(peak, Machine.ResidentMiB(process));
            // Masking shortens it: a line of a hundred by some bytes.
            if (length > Bytes * 0.997)
                return (Stopwatch.GetElapsedTime(begun).TotalSeconds, length - first, peak);
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }
    }
}
