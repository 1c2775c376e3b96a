using TestGrid.Tests.Support;

namespace TestGrid.Bench;

/// <summary>
/// From a push to the first byte and to the end, of the sample repository with a warm bundle and <c>script: true</c>: the product,
/// the floor, the same pipeline with <c>docker run</c>, and <c>docker run</c> alone, in turn in every round.
/// </summary>
internal static class Latency
{
    private const int WarmRounds = 5;
    private const string Config = "script: true\n";
    private const string FirstWords = "$ true";
    private const string Slug = "bench/latency";

    public static async Task RunAsync(BenchSettings settings, WorkFolder work)
    {
        var source = new SampleSource(work.New("source"), Config);
        await using var floor = await Floor.StartAsync(settings, work, source);
        await using var product = await StartAsync(settings, work.New("product"), "product");
        await using var daemon = new LocalDocker();
        await daemon.StartAsync(CancellationToken.None);
        var docker = await DockerRun.PrepareAsync(daemon, floor.RootPath);
        var dockerData = work.New("docker-server");
        await using var dockerServer = await Client.StartAsync(
            dockerData,
            "docker",
            typeof(Latency).Assembly.Location,
            "serve-docker",
            dockerData,
            settings.Bundles,
            daemon.Host
        );
        var productSecret = await product.RegisterAsync(source.Folder, Slug);
        var dockerSecret = await dockerServer.RegisterAsync(source.Folder, Slug);
        var idle = Machine.ResidentMiB(product.ProcessId);

        var (pushes, dockerPushes) = (new List<PushTimes>(), new List<PushTimes>());
        var (floorFirst, floorEnd, runFirst, runEnd) = (new Samples(), new Samples(), new Samples(), new Samples());
        double cpu = 0;
        for (var round = -WarmRounds; round < settings.Rounds; round++)
        {
            var before = product.CpuMs;
            var push = await product.PushAsync(source, Slug, productSecret, FirstWords);
            var used = product.CpuMs - before;
            var (first, end) = await floor.OnceAsync();
            var dockerPush = await dockerServer.PushAsync(source, Slug, dockerSecret, FirstWords);
            var (dockerFirst, dockerEnd) = await docker.OnceAsync();
            if (round < 0)
                continue;
            cpu += used;
            pushes.Add(push);
            dockerPushes.Add(dockerPush);
            floorFirst.Add(first);
            floorEnd.Add(end);
            runFirst.Add(dockerFirst);
            runEnd.Add(dockerEnd);
        }

        string[][] rows =
        [
            Row("TestGrid, native", pushes, floorFirst, floorEnd),
            Row("TestGrid, docker run in the engine's place", dockerPushes, floorFirst, floorEnd),
            ["floor: the engine's sandbox and nothing round it", "", "", $"{floorFirst}", $"{floorEnd}", "1", "1"],
            [
                "docker run, no CI",
                "",
                "",
                $"{runFirst}",
                $"{runEnd}",
                $"{runFirst.RatioTo(floorFirst):0.00}",
                $"{runEnd.RatioTo(floorEnd):0.00}",
            ],
        ];
        Table.Print(
            $"Push to result, ms: median (least; p90) of {settings.Rounds}, one after another in each round",
            [
                "contender",
                "202",
                "first log byte",
                "first byte of the job",
                "final state",
                "first / floor",
                "final / floor",
            ],
            rows
        );
        var native = Of(pushes, push => push.FirstJobByte);
        Console.WriteLine(
            $"\nnative / the same with docker run, first byte of the job: {native.RatioTo(Of(dockerPushes, push => push.FirstJobByte)):0.00}"
                + $"\nprocessor time per job, server and sandbox: {cpu / settings.Rounds:0.0} ms"
                + $"\nmemory of the idle server with its runner: {idle} MiB"
        );
    }

    public static Task<Client> StartAsync(BenchSettings settings, string data, string name, params string[] more) =>
        Client.StartAsync(
            data,
            name,
            [
                Path.Combine(AppContext.BaseDirectory, "testgrid.dll"),
                "server",
                "--listen",
                "http://127.0.0.1:0",
                "--data",
                data,
                "--bundles",
                settings.Bundles,
                "--slots",
                "2",
                .. more,
            ]
        );

    private static string[] Row(string name, List<PushTimes> pushes, Samples floorFirst, Samples floorEnd)
    {
        var (first, end) = (Of(pushes, push => push.FirstJobByte), Of(pushes, push => push.Finished));
        return
        [
            name,
            $"{Of(pushes, push => push.Accepted)}",
            $"{Of(pushes, push => push.FirstLogByte)}",
            $"{first}",
            $"{end}",
            $"{first.RatioTo(floorFirst):0.00}",
            $"{end.RatioTo(floorEnd):0.00}",
        ];
    }

    private static Samples Of(List<PushTimes> pushes, Func<PushTimes, double> figure)
    {
        var samples = new Samples();
        foreach (var push in pushes)
            samples.Add(figure(push));
        return samples;
    }
}
