using System.Diagnostics;
using System.Globalization;

namespace TestGrid.Bench;

/// <summary>Jobs per second at saturation, with two slots: one build with a matrix of many jobs.</summary>
internal static class Throughput
{
    private const int Jobs = 100;
    private const string Slug = "bench/throughput";

    public static async Task RunAsync(BenchSettings settings, WorkFolder work)
    {
        var config =
            "script: true\nenv:\n"
            + string.Concat(
                Enumerable.Range(1, Jobs).Select(i => string.Create(CultureInfo.InvariantCulture, $"  - N={i}\n"))
            );
        var source = new SampleSource(work.New("source"), config);
        await using var product = await Latency.StartAsync(settings, work.New("throughput"), "throughput");
        await using var floor = await Floor.StartAsync(settings, work, source);
        var secret = await product.RegisterAsync(source.Folder, Slug);
        var (rate, floorRate, cpu) = (new Samples(), new Samples(), new Samples());
        for (var round = -1; round < 3; round++)
        {
            var before = product.CpuMs;
            var started = Stopwatch.GetTimestamp();
            var build = await product.PostAsync(source, Slug, secret);
            var took = await product.FinishedAsync(build, started);
            var used = product.CpuMs - before;

            started = Stopwatch.GetTimestamp();
            await Parallel.ForEachAsync(
                Enumerable.Range(0, Jobs),
                new ParallelOptions { MaxDegreeOfParallelism = 2 },
                async (_, _) => await floor.OnceAsync()
            );
            var floorTook = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            if (round < 0)
                continue;
            rate.Add(Jobs / took * 1000);
            floorRate.Add(Jobs / floorTook * 1000);
            cpu.Add(used / Jobs);
        }
        Table.Print(
            $"A build of {Jobs} jobs, 2 slots, median of 3",
            ["contender", "jobs/s", "ratio", "processor ms per job"],
            [
                ["TestGrid, native", $"{rate.Median:0.0}", $"{rate.RatioTo(floorRate):0.00}", $"{cpu.Median:0.0}"],
                ["floor: the engine alone, 2 at once", $"{floorRate.Median:0.0}", "1", ""],
            ]
        );
    }
}
