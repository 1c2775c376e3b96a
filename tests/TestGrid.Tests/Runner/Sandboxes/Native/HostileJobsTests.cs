using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.NetworkInformation;
using System.Text;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Native;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Sandboxes.Native;

/// <summary>A thousand jobs that do harm on purpose, and what the machine looks like afterwards.</summary>
[Trait("Slow", "true")]
public sealed class HostileJobsTests(ITestOutputHelper output)
{
    private const string Mark = "tg-hostile-job";

    // Each either ends of itself or says so when its harm is done: nobody waits for a sleeper.
    private const string Done = "harm done";

    private static readonly string[] Jobs =
    [
        $"exec -a {Mark} perl -e 'for (1 .. 400) {{ defined(fork) or last }} syswrite STDOUT, \"{Done}\"; sleep 100'",
        $"for i in 1 2 3; do setsid bash -c 'trap \"\" TERM HUP; exec -a {Mark} sleep 1000' & done; exit 0",
        "perl -e '$x = \"x\" x (1 << 30)'",
        "head -c 1G /dev/zero >/tmp/big; head -c 1G /dev/zero >/dev/shm/big",
        "sudo sh -c 'for i in 1 2 3 4 5 6 7 8 9; do mkdir -p /opt/$i/a; touch /opt/$i/a/f; chmod 000 /opt/$i; done'",
        "sudo mount -t tmpfs x /mnt; sudo unshare -m true; sudo losetup -f; sudo ip link add d type dummy; true",
        $"ipcmk -M 100000 -S 5 -Q; nc -lU @{Mark} & nc -lk 127.0.0.1 7777 & sleep 0.05; exit 3",
        "perl -e 'mkdir \"d\", chdir \"d\" for 1 .. 3000'; touch /tmp/$'\\n' /tmp/$'\\xff'; kill -9 -1",
        $"kill -STOP -1; sudo kill -9 1; echo {Done}; kill -STOP $$",
        "sudo rm -rf --no-preserve-root /usr /etc /var 2>/dev/null; exit 1",
    ];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ConcurrentBag<double>[] took = [.. Jobs.Select(_ => new ConcurrentBag<double>())];
    private readonly ConcurrentDictionary<string, bool> made = [];
    private SandboxOptions? settings;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, 1000)]
    [InlineData(8, 1000)]
    public async Task A_thousand_of_them_leave_nothing_and_slow_nobody_down(int atOnce, int count)
    {
        using var folder = new TempFolder();
        using var bundle = await TestBundles.BaseAsync(Stop);
        settings = new SandboxOptions { StatePath = Path.Combine(folder.Path, "state"), PreparedPods = 0 };
        await using var engine = NativeSandboxEngineContract.CreateAt(settings);
        // What stays for good is there already: first use of a module, of a bundle's pages.
        await MedianAsync(engine, bundle.Bundle.RootPath);
        var before = Machine(settings);
        var free = Free();
        var first = await MedianAsync(engine, bundle.Bundle.RootPath);

        await Parallel.ForEachAsync(
            Enumerable.Range(0, count),
            new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = Stop },
            async (number, _) =>
            {
                var kind = number % Jobs.Length;
                took[kind].Add(await RunAsync(engine, bundle.Bundle.RootPath, $"h-{number}", Jobs[kind]));
            }
        );

        var last = await MedianAsync(engine, bundle.Bundle.RootPath);
        output.WriteLine(
            $"{atOnce} at once: a job took {first:0} ms before {count} hostile ones, and {last:0} ms after"
        );
        output.WriteLine(
            "kinds, median and slowest in ms: "
                + string.Join(", ", took.Select(times => $"{Median(times):0} {times.Max():0}"))
        );
        output.WriteLine($"free memory {free >> 20} MiB before, {Free() >> 20} MiB after");
        Assert.Equal(before, Machine(settings));
        Assert.True(made.Count >= count || !engine.Groups.Any);
        Assert.DoesNotContain(made.Keys, Directory.Exists);
    }

    private async Task<double> MedianAsync(NativeSandboxEngine engine, string root)
    {
        var times = new List<double>();
        for (var i = 0; i < 31; i++)
            times.Add(await RunAsync(engine, root, $"m-{i}", "true"));
        return Median(times);
    }

    private static double Median(IReadOnlyCollection<double> times) => times.Order().ElementAt(times.Count / 2);

    // From nothing to nothing, in milliseconds.
    private async Task<double> RunAsync(NativeSandboxEngine engine, string root, string name, string script)
    {
        var began = Stopwatch.GetTimestamp();
        var limits = JobLimits.Default with { MemoryBytes = 96 << 20, DiskBytes = 48 << 20, Processes = 100 };
        await using var sandbox = await engine.CreateAsync(
            new SandboxSpec(name, root, [], limits, SandboxNetwork.None),
            Stop
        );
        foreach (var noted in Directory.GetFiles(settings!.StatePath, "cgroups", SearchOption.AllDirectories))
            Note(noted);
        var pipe = new Pipe();
        var env = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        var command = new SandboxCommand(["bash", "-c", script], env, "/home/travis");
        var running = sandbox.RunAsync(command, pipe.Writer, Stop).AsTask();
        // The sleepers and the stopped end by the sandbox's end.
        await Task.WhenAny(running, HarmAsync(pipe.Reader)).WaitAsync(Patience, TimeProvider.System, Stop);
        await sandbox.DisposeAsync();
        await running;
        await pipe.Writer.CompleteAsync();
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    private static async Task HarmAsync(PipeReader reader)
    {
        while (true)
        {
            var read = await reader.ReadAsync(Stop);
            if (read.IsCompleted || Encoding.UTF8.GetString(read.Buffer).Contains(Done, StringComparison.Ordinal))
                break;
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
        await reader.CompleteAsync(); // nobody listens any more
    }

    private void Note(string file)
    {
        try
        {
            foreach (var group in File.ReadLines(file))
                made[group] = true;
        }
        catch (IOException) { } // a neighbour's, which has just ended
    }

    private static long Free() =>
        long.Parse(
            File.ReadLines("/proc/meminfo")
                .First(line => line.StartsWith("MemAvailable", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            null
        ) << 10;

    // Of this test only, because other tests may run beside it: what carries its name, folder, user ids or groups.
    private static string Machine(SandboxOptions settings) =>
        string.Join(
            '\n',
            [
                "processes:",
                .. Directory
                    .EnumerateDirectories("/proc")
                    .Where(path => char.IsDigit(path[6]))
                    .Where(path => Says(path, Mark) || Says(path, settings.StatePath)),
                "mounts:",
                .. File.ReadLines("/proc/self/mountinfo")
                    .Where(line => line.Contains(settings.StatePath, StringComparison.Ordinal)),
                "folders:",
                .. Directory
                    .EnumerateFileSystemEntries(settings.StatePath, "*", SearchOption.AllDirectories)
                    .Order(StringComparer.Ordinal),
                "devices:",
                .. NetworkInterface
                    .GetAllNetworkInterfaces()
                    .Select(one => one.Name)
                    .Where(name => name is "d" or "tap0"),
                "loops:",
                .. Directory.EnumerateDirectories("/sys/block").Order(StringComparer.Ordinal),
                "ipc:",
                .. File.ReadLines("/proc/sysvipc/shm").Concat(File.ReadLines("/proc/sysvipc/msg")).Where(OfTheRange),
                "sockets:",
                .. File.ReadLines("/proc/net/unix").Where(line => line.Contains(Mark, StringComparison.Ordinal)),
            ]
        );

    private static bool OfTheRange(string line) =>
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Any(word => int.TryParse(word, out var id) && id is >= 100_000 and < 165_536);

    private static bool Says(string process, string word)
    {
        try
        {
            return File.ReadAllText(process + "/cmdline").Contains(word, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it ended
        }
    }
}
