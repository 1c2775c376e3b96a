using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Cli.Machine;
using TestGrid.Core.Jobs;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Native;
using TestGrid.Tests.Support;

namespace TestGrid.Bench;

/// <summary>
/// What it takes to run one line of shell in a place of its own over the same tree, without network, and to be rid of it:
/// our pods beside the programs that others build on. Of those, <c>bwrap</c> and <c>runc</c> alone give less: no layer to
/// write to, and no limits.
/// </summary>
internal static class Engines
{
    private const int LeastRounds = 30;

    // One line and its end: the first byte is the command's, and all after it is teardown.
    private static readonly string[] Line = ["sh", "-c", "echo '$ true'"];

    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(5);

    /// <param name="Start">Until it can be given a command, in milliseconds; null where that is not to be told apart.</param>
    /// <param name="First">Until the command's first byte.</param>
    /// <param name="End">Until nothing is left.</param>
    private sealed record Times(double? Start, double First, double End);

    private sealed record Contender(string Name, Func<Task<Times>> OnceAsync)
    {
        public Samples Start { get; } = new();

        public Samples First { get; } = new();

        public Samples Teardown { get; } = new();

        public Samples End { get; } = new();

        public void Add(Times times)
        {
            if (times.Start is { } start)
                Start.Add(start);
            First.Add(times.First);
            Teardown.Add(times.End - times.First);
            End.Add(times.End);
        }
    }

    public static async Task RunAsync(BenchSettings settings, WorkFolder work)
    {
        var rounds = Math.Max(LeastRounds, settings.Rounds);
        var collection = new ServiceCollection();
        collection.AddLogging();
        collection.AddRunner();
        LocalServices.Configure(collection, work.New("engines"), settings.Bundles, "engines");
        collection.Configure<BundleOptions>(options => options.Mount = BundleMount.Auto);
        await using var services = collection.BuildServiceProvider();
        await using var bundle = await services
            .GetRequiredService<BundleStore>()
            .GetAsync("base", new Progress<BundleProgress>(), CancellationToken.None);
        var root = bundle.Bundle.RootPath;
        await using var daemon = new LocalDocker();
        await daemon.StartAsync(CancellationToken.None);
        var docker = await DockerRun.PrepareAsync(daemon, root);
        await using var coldEngine = Native(work.New("cold"), prepared: 0);
        await using var warmEngine = Native(work.New("warm"), prepared: 1);
        var runc = new Runc(work.New("runc"), root);
        await runc.PrepareAsync();

        // The same tree from an EROFS image, where this machine can; else the same folder once more.
        await using var shown = await services
            .GetRequiredService<BundleStore>()
            .ShowAsync(bundle, CancellationToken.None);
        Console.WriteLine($"\nImages: {MountWay.Here(BundleMount.Auto).Text}, at {shown.Bundle.RootPath}");
        var warm = new Contender("warm pod", () => PodAsync(warmEngine, root));
        var yardstick = new Contender(
            "docker run",
            async () =>
            {
                var (first, end) = await docker.OnceAsync();
                return new Times(null, first, end);
            }
        );
        Contender[] all =
        [
            new("cold pod", () => PodAsync(coldEngine, root)),
            new("cold pod, EROFS", () => PodAsync(coldEngine, shown.Bundle.RootPath)),
            new("warm pod, EROFS", () => PodAsync(warmEngine, shown.Bundle.RootPath)),
            warm,
            new("bwrap", () => ProgramAsync("bwrap", Bwrap(root))),
            new("runc alone", () => ProgramAsync("runc", runc.Next())),
            yardstick,
        ];
        // In turn, so that whatever else the machine does meets all of them; two rounds for the caches' sake.
        for (var round = -2; round < rounds; round++)
        {
            // Who comes after Docker finds the machine busy with what it left: so each round goes the other way.
            foreach (var contender in round % 2 == 0 ? all : all.Reverse())
            {
                var times = await contender.OnceAsync();
                if (round >= 0)
                    contender.Add(times);
            }
        }

        Table.Print(
            $"One line of shell in a fresh place, ms: median (least; p90) of {rounds}, in turn",
            ["contender", "start", "first byte", "teardown", "whole", "first / docker run", "whole / docker run"],
            all.Select(one =>
                (string[])
                    [
                        one.Name,
                        one.Start.Count > 0 ? $"{one.Start}" : "",
                        $"{one.First}",
                        $"{one.Teardown}",
                        $"{one.End}",
                        Ratio(one.First, yardstick.First),
                        Ratio(one.End, yardstick.End),
                    ]
            )
        );
        await DriftAsync(warmEngine, root);
    }

    private static async Task DriftAsync(NativeSandboxEngine engine, string root)
    {
        var thirds = new[] { new Samples(), new Samples(), new Samples() };
        for (var i = 0; i < 99; i++)
            thirds[i / 33].Add((await PodAsync(engine, root)).End);
        Console.WriteLine(
            $"\n99 warm pods in a row, by thirds, ms: {string.Join(" | ", thirds.Select(one => $"{one}"))}"
        );
    }

    private static string Ratio(Samples one, Samples other) =>
        one.RatioTo(other).ToString("0.000", CultureInfo.InvariantCulture);

    private static NativeSandboxEngine Native(string state, int prepared) =>
        new(
            Options.Create(new SandboxOptions { StatePath = state, PreparedPods = prepared }),
            TimeProvider.System,
            NullLogger<NativeSandboxEngine>.Instance
        );

    private static int made;

    private static async Task<Times> PodAsync(NativeSandboxEngine engine, string root)
    {
        var spec = new SandboxSpec($"bench-{++made}", root, [], JobLimits.Default, SandboxNetwork.None);
        var env = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/usr/bin:/bin");
        var pipe = new Pipe();
        var began = Stopwatch.GetTimestamp();
        double start,
            first;
        await using (var sandbox = await engine.CreateAsync(spec, CancellationToken.None))
        {
            start = Since(began);
            var running = sandbox.RunAsync(
                new SandboxCommand([.. Line], env, "/"),
                pipe.Writer,
                CancellationToken.None
            );
            await pipe.Reader.ReadAsync();
            first = Since(began);
            await running;
        }
        var end = Since(began);
        // The next one finds its pod made: that it is made beside a job is the point of it, and no part of a job.
        while (engine.WholePods < engine.PreparedPods)
            await Task.Delay(Moment, TimeProvider.System);
        return new Times(start, first, end);
    }

    private static async Task<Times> ProgramAsync(string program, IEnumerable<string> arguments)
    {
        var began = Stopwatch.GetTimestamp();
        using var run = Process.Start(new ProcessStartInfo(program, [.. arguments]) { RedirectStandardOutput = true })!;
        await run.StandardOutput.BaseStream.ReadExactlyAsync(new byte[1]);
        var first = Since(began);
        await run.WaitForExitAsync();
        return run.ExitCode == 0
            ? new Times(null, first, Since(began))
            : throw new InvalidOperationException($"{program} ended with {run.ExitCode}");
    }

    private static double Since(long began) => Stopwatch.GetElapsedTime(began).TotalMilliseconds;

    private static string[] Bwrap(string root) =>
        [
            .. "--unshare-all --die-with-parent --clearenv --setenv PATH /usr/bin:/bin --ro-bind".Split(' '),
            root,
            .. "/ --proc /proc --dev /dev --tmpfs /tmp --".Split(' '),
            .. Line,
        ];

    /// <summary>The runtime with the config that it writes itself, over the same tree.</summary>
    private sealed class Runc(string folder, string root)
    {
        private int made;

        public async Task PrepareAsync()
        {
            Directory.CreateDirectory(folder);
            await Machine.RunAsync("runc", "spec", "--bundle", folder);
            var file = Path.Combine(folder, "config.json");
            var config = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
            config["process"]!["terminal"] = false;
            config["process"]!["args"] = new JsonArray([.. Line.Select(word => (JsonNode)word)]);
            config["root"] = new JsonObject { ["path"] = root, ["readonly"] = true };
            await File.WriteAllTextAsync(file, config.ToJsonString());
        }

        public IEnumerable<string> Next() =>
            [
                "--root",
                Path.Combine(folder, "state"),
                "run",
                "--bundle",
                folder,
                $"bench-{Environment.ProcessId}-{++made}",
            ];
    }
}
