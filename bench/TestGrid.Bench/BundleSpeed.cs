using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using TestGrid.Cli.Machine;
using TestGrid.Core.Bundles;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Exports;
using TestGrid.Tests.Support;

namespace TestGrid.Bench;

/// <summary>
/// What bundles cost, with <c>base</c> (202 packages): each step beside what one would do without us. Once each, for they
/// take seconds; the figures that are of a moment are taken several times.
/// </summary>
internal static class BundleSpeed
{
    private const string Name = "base";
    private const int Rounds = 5;

    // With what the packages' scripts make as it comes: nothing taken out, nothing compared, no checks.
    private const string Plain = """
        umask 022
        exec mmdebstrap --mode=root --variant=minbase --format=directory --dpkgopt=force-unsafe-io \
            --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr "--include=$1" locked "$2" "$3"
        """;

    public static async Task RunAsync(BenchSettings settings, WorkFolder work)
    {
        var collection = new ServiceCollection();
        collection.AddLogging();
        collection.AddRunner();
        LocalServices.Configure(collection, work.New("bundles"), settings.Bundles, "bundles");
        await using var services = collection.BuildServiceProvider();
        var (store, sources) = (services.GetRequiredService<BundleStore>(), services.GetRequiredService<AptSources>());
        var options = services.GetRequiredService<IOptions<BundleOptions>>().Value;
        await using var lease = await store.GetAsync(Name, new Progress<BundleProgress>(), default);
        var recipe = RecipeBook.Of(BundleLocks.ReadRecipes(options.RecipesPath), out _).Find(Name)!;
        var locked = LockShelf.Of(Path.GetDirectoryName(lease.Bundle.RootPath)!);
        var pool = new PackagePool(options, sources, TimeProvider.System);
        var tools = new ToolSource(options, pool);
        var rows = new List<string[]>();

        var locking = await TimeAsync(() =>
            new LockMaker(sources, tools).MakeAsync(recipe, null, Made("lock"), default)
        );
        Row("lock, with the mirror's lists", locking, "", double.NaN, "5 s");

        var range = new IdRange(options.IdBase);
        var given = Made("given");
        await LocalRepository.MakeAsync(locked, pool, given, default);
        var packages = string.Join(',', recipe.Packages);
        string[] command = ["sh", "-c", Plain, "sh", packages, Made("plain"), LocalRepository.Line(given)];
        await range.TakeOverAsync(command[^2], default);
        var plain = await TimeAsync(() => PlainAsync(range, command));
        var builder = new BundleBuilder(pool, tools, options, TimeProvider.System);
        var log = new BuildLog(Name, TextWriter.Null, new Progress<BundleProgress>());
        var build = Made("build");
        var building = await TimeAsync(() => builder.BuildAsync(recipe, locked, build, log, default));
        Row(
            "build from the pool, checked and digested",
            building,
            "plain mmdebstrap of the same packages",
            plain,
            "1.3 ×"
        );

        var root = lease.Bundle.RootPath;
        var digest = await ManyAsync(() => Task.Run(() => TreeReader.Read(root, options.IdBase, default)));
        Row("digest of the tree", digest, "", double.NaN, "1 s");
        Row(
            "the same, as an ordinary user reads it",
            await ManyAsync(() => PackedTree.ReadAsync(range, root, default))
        );

        var record = store.RecordOf(lease.Bundle.Digest)!;
        var export = new BundleExport(services.GetRequiredService<IOptions<BundleOptions>>(), store);
        var image = work.New("image.tar");
        var oci = await TimeAsync(() => export.WriteAsync(record, ExportFormat.Oci, image, "bench:1", default));
        Row("export as OCI", oci, "", double.NaN, "4 s");
        var squash = work.New("image.squashfs");
        Row(
            "export as squashfs",
            await TimeAsync(() => export.WriteAsync(record, ExportFormat.Squashfs, squash, "", default)),
            aim: "5 s"
        );

        await using var docker = new LocalDocker();
        await docker.StartAsync(default);
        var load = await TimeAsync(() => docker.RunAsync(None, default, "docker", "load", "-q", "-i", image));
        var run = await TimeAsync(() =>
            docker.RunAsync(None, default, "docker", "run", "--rm", "--network", "none", "bench:1", "true")
        );
        Row("docker load of that, and docker run of true", load + run, "", double.NaN, "8 s");
        Table.Print(
            $"Bundle {Name}, {locked.Packages.Length} packages, {record.Bytes >> 20} MiB, seconds",
            ["what", "TestGrid", "beside", "takes", "ratio", "aimed at"],
            rows
        );

        string Made(string name)
        {
            var folder = Directory.CreateDirectory(work.New(name)).FullName;
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
            return folder;
        }

        void Row(string what, double ours, string peer = "", double theirs = double.NaN, string aim = "") =>
            rows.Add([what, Seconds(ours), peer, Seconds(theirs), Seconds(ours / theirs), aim]);
    }

    private static async Task PlainAsync(IdRange range, string[] command)
    {
        var said = new List<string>();
        var env = new Dictionary<string, string>
        {
            ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ["LC_ALL"] = "C.UTF-8",
            ["DEBIAN_FRONTEND"] = "noninteractive",
        };
        await using var build = await LifelineProcess.StartAsync(range, command, env, said.Add, default);
        await build.Output.CopyToAsync(Stream.Null);
        if (await build.WaitAsync(default) != 0)
            throw new InvalidOperationException($"mmdebstrap failed: {string.Join('\n', said.TakeLast(9))}");
    }

    private static Dictionary<string, string> None => [];

    private static string Seconds(double value) =>
        double.IsNaN(value) ? "" : value.ToString("0.00", CultureInfo.InvariantCulture);

    private static async Task<double> ManyAsync(Func<Task> what)
    {
        var times = new Samples();
        for (var round = 0; round < Rounds; round++)
            times.Add(await TimeAsync(what));
        return times.Median;
    }

    private static async Task<double> TimeAsync(Func<Task> what)
    {
        var began = Stopwatch.GetTimestamp();
        await what();
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
