using System.Diagnostics;
using System.Globalization;
using TestGrid.Tests.Support;

namespace TestGrid.Bench;

/// <summary>
/// Jobs per second at saturation, with two slots: one build with a matrix of many jobs; and a build of 20, beside the same
/// pipeline with <c>docker run</c>.
/// </summary>
internal static class Throughput
{
    private const int Jobs = 100;
    private const int Few = 20;
    private const int FewRounds = 4;
    private const string Slug = "bench/throughput";
    private const string FewSlug = "bench/matrix";

    public static async Task RunAsync(BenchSettings settings, WorkFolder work)
    {
        var source = new SampleSource(work.New("source"), ConfigOf(Jobs));
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
        await MatrixAsync(settings, work, product, floor.RootPath);
    }

    private static async Task MatrixAsync(BenchSettings settings, WorkFolder work, Client product, string rootPath)
    {
        var source = new SampleSource(work.New("matrix"), ConfigOf(Few));
        await using var daemon = new LocalDocker();
        await daemon.StartAsync(CancellationToken.None);
        await DockerRun.PrepareAsync(daemon, rootPath);
        var data = work.New("docker-throughput");
        await using var docker = await Client.StartAsync(
            data,
            "docker-throughput",
            typeof(Throughput).Assembly.Location,
            "serve-docker",
            data,
            settings.Bundles,
            daemon.Host
        );
        var secret = await product.RegisterAsync(source.Folder, FewSlug);
        var dockerSecret = await docker.RegisterAsync(source.Folder, FewSlug);
        var (ours, theirs) = (new Samples(), new Samples());
        for (var round = -1; round < FewRounds; round++)
        {
            var took = await OnceAsync(product, source, secret);
            var dockerTook = await OnceAsync(docker, source, dockerSecret);
            if (round < 0)
                continue;
            ours.Add(took);
            theirs.Add(dockerTook);
        }
        Table.Print(
            $"A build of {Few} jobs, 2 slots, to its end, ms: median (least; p90) of {FewRounds}, in turn",
            ["contender", "whole", "jobs/s", "ratio"],
            [
                ["TestGrid, native", $"{ours}", $"{Few * 1000 / ours.Median:0.0}", $"{ours.RatioTo(theirs):0.000}"],
                ["TestGrid, docker run in the engine's place", $"{theirs}", $"{Few * 1000 / theirs.Median:0.0}", "1"],
            ]
        );
    }

    private static async Task<double> OnceAsync(Client server, SampleSource source, string secret)
    {
        var started = Stopwatch.GetTimestamp();
        return await server.FinishedAsync(await server.PostAsync(source, FewSlug, secret), started);
    }

    private static string ConfigOf(int jobs) =>
        "script: true\nenv:\n"
        + string.Concat(
            Enumerable.Range(1, jobs).Select(i => string.Create(CultureInfo.InvariantCulture, $"  - N={i}\n"))
        );
}
