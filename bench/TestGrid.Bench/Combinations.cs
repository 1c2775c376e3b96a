using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using TestGrid.Tests.Support;

namespace TestGrid.Bench;

/// <summary>
/// The product in its four combinations of queue and sandbox engine, on a real broker and a real Docker daemon, one push
/// after another in each round; then the same at saturation with two slots. Beside them the floor of each engine, and
/// <c>docker run</c>.
/// </summary>
internal static class Combinations
{
    private const int WarmRounds = 3;
    private const int MostRounds = 15; // Docker takes its time, and an hour of it tells no more
    private const int Jobs = 40;
    private const string FirstWords = "$ true";
    private const string OneJob = "script: true\n";

    public static async Task RunAsync(BenchSettings settings, WorkFolder work)
    {
        await using var broker = new RabbitBroker();
        await using var daemon = new LocalDocker();
        await Task.WhenAll(broker.StartAsync(CancellationToken.None), daemon.StartAsync(CancellationToken.None));
        var (one, many) = (new SampleSource(work.New("one"), OneJob), new SampleSource(work.New("many"), Matrix()));
        await using var native = await Floor.StartAsync(settings, work, one);
        await using var docker = await Floor.StartAsync(settings, work, one, daemon);
        var run = await DockerRun.PrepareAsync(daemon, native.RootPath);
        var floors = new Contender[]
        {
            new("floor: the native engine and nothing round it", native.OnceAsync),
            new("floor: the docker engine and nothing round it", docker.OnceAsync),
            new("docker run, no CI", run.OnceAsync),
        };
        var products = new List<Product>();
        try
        {
            foreach (var engine in (string[])["native", "docker"])
            foreach (var queue in (string[])["sqlite", broker.Url])
                products.Add(await StartAsync(settings, work, daemon, engine, queue, one, many));
            var rounds = Math.Min(settings.Rounds, MostRounds);
            for (var round = -WarmRounds; round < rounds; round++)
            {
                foreach (var product in products)
                    product.Add(await product.Client.PushAsync(one, "bench/one", product.One, FirstWords), round >= 0);
                foreach (var floor in floors)
                    await floor.OnceAsync(round >= 0);
            }
            foreach (var product in products)
                await product.SaturateAsync(many, Jobs);
            foreach (var floor in floors)
                await floor.SaturateAsync(Jobs);
            Print(products, floors, rounds);
        }
        finally
        {
            foreach (var product in products)
                await product.Client.DisposeAsync();
        }
    }

    private static async Task<Product> StartAsync(
        BenchSettings settings,
        WorkFolder work,
        LocalDocker daemon,
        string engine,
        string queue,
        SampleSource one,
        SampleSource many
    )
    {
        var name = $"{(queue == "sqlite" ? queue : "rabbitmq")}-{engine}";
        var data = work.New(name);
        Directory.CreateDirectory(data);
        // As an operator sets it.
        var set = new
        {
            runner = new { engine },
            sandbox = new { dockerHost = daemon.Host },
            queue = new { name = $"testgrid.{engine}" },
        };
        await File.WriteAllTextAsync(Path.Combine(data, "testgrid.json"), JsonSerializer.Serialize(set));
        var client = await Latency.StartAsync(settings, data, name, "--queue", queue);
        return new Product(
            $"TestGrid, {name.Replace("-", " and ", StringComparison.Ordinal)}",
            engine,
            client,
            await client.RegisterAsync(one.Folder, "bench/one"),
            await client.RegisterAsync(many.Folder, "bench/many")
        );
    }

    private static string Matrix() =>
        "script: true\nenv:\n"
        + string.Concat(
            Enumerable.Range(1, Jobs).Select(n => string.Create(CultureInfo.InvariantCulture, $"  - N={n}\n"))
        );

    private static void Print(List<Product> products, Contender[] floors, int rounds)
    {
        Table.Print(
            $"The four combinations, ms: median (least; p90) of {rounds}; jobs/s of a build of {Jobs} jobs with 2 slots",
            [
                "contender",
                "202",
                "first log byte",
                "first byte of the job",
                "final state",
                "jobs/s",
                "÷ its engine's floor: first, final, jobs/s",
            ],
            [
                .. products.Select(product =>
                {
                    var floor = floors[product.Engine == "docker" ? 1 : 0];
                    return (string[])
                        [
                            product.Name,
                            $"{product.Of(push => push.Accepted)}",
                            $"{product.Of(push => push.FirstLogByte)}",
                            $"{product.Of(push => push.FirstJobByte)}",
                            $"{product.Of(push => push.Finished)}",
                            $"{product.JobsPerSecond:0.0}",
                            $"{product.Of(push => push.FirstJobByte).RatioTo(floor.First):0.00}, {product.Of(push => push.Finished).RatioTo(floor.End):0.00}, {product.JobsPerSecond / floor.JobsPerSecond:0.00}",
                        ];
                }),
                .. floors.Select(floor =>
                    (string[])[floor.Name, "", "", $"{floor.First}", $"{floor.End}", $"{floor.JobsPerSecond:0.0}", ""]
                ),
            ]
        );
        foreach (
            var (embedded, brokered) in products.Where((_, i) => i % 2 == 0).Zip(products.Where((_, i) => i % 2 == 1))
        )
            Console.WriteLine(
                $"\nrabbitmq / sqlite, {embedded.Engine}: first byte of the job "
                    + $"{brokered.Of(push => push.FirstJobByte).RatioTo(embedded.Of(push => push.FirstJobByte)):0.00}, "
                    + $"jobs/s {brokered.JobsPerSecond / embedded.JobsPerSecond:0.00}"
            );
    }

    private sealed class Product(string name, string engine, Client client, string one, string many)
    {
        private readonly List<PushTimes> pushes = [];

        public string Name => name;

        public string Engine => engine;

        public Client Client => client;

        public string One => one;

        public double JobsPerSecond { get; private set; }

        public void Add(PushTimes push, bool counts)
        {
            if (counts)
                pushes.Add(push);
        }

        public Samples Of(Func<PushTimes, double> figure)
        {
            var samples = new Samples();
            pushes.ForEach(push => samples.Add(figure(push)));
            return samples;
        }

        public async Task SaturateAsync(SampleSource source, int jobs)
        {
            var started = Stopwatch.GetTimestamp();
            var build = await client.PostAsync(source, "bench/many", many);
            JobsPerSecond = jobs / (await client.FinishedAsync(build, started) / 1000);
        }
    }

    private sealed class Contender(string name, Func<Task<(double First, double End)>> once)
    {
        public string Name => name;

        public Samples First { get; } = new();

        public Samples End { get; } = new();

        public double JobsPerSecond { get; private set; }

        public async Task OnceAsync(bool counts)
        {
            var (first, end) = await once();
            if (!counts)
                return;
            First.Add(first);
            End.Add(end);
        }

        public async Task SaturateAsync(int jobs)
        {
            var started = Stopwatch.GetTimestamp();
            await Parallel.ForEachAsync(
                Enumerable.Range(0, jobs),
                new ParallelOptions { MaxDegreeOfParallelism = 2 },
                async (_, _) => await once()
            );
            JobsPerSecond = jobs / Stopwatch.GetElapsedTime(started).TotalSeconds;
        }
    }
}
