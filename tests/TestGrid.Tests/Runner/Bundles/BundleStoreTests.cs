using System.Diagnostics;
using TestGrid.Runner.Bundles;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

public sealed class BundleStoreTests : IDisposable
{
    private const string FolderName = "TESTGRID_TEST_BUILD_FOLDER";

    private static readonly string Tiny = """
        bundle: tiny
        debian: { suite: bookworm, packages: [] }
        users: [{ name: travis, uid: 2000 }]
        timezone: Europe/Vienna
        slim: true
        setup: |
          [ "$(id -u)" = 0 ] && ! [ -e /etc/resolv.conf ] || exit 3
          echo "it's $SOURCE_DATE_EPOCH" >/opt/made
        check:
          - { run: [id, -u], expect: "2000" }
          - { run: [date, --date, 2026-07-01 12:00Z, +%Z], expect: CEST }
          - { run: [cat, /opt/made], expect: "it's 1" }
        """;

    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string StorePath => Path.Combine(folder.Path, "bundles");

    [Fact]
    public async Task The_base_bundle_is_whole_and_named_by_its_content()
    {
        await using var lease = await TestBundles.BaseAsync(Stop);

        Assert.Equal(("base", "bookworm"), (lease.Bundle.Name, lease.Bundle.Suite));
        Assert.Empty(await TestBundles.Store.VerifyAsync(lease.Bundle.Digest, Stop));
        Assert.True(File.Exists(Path.Combine(lease.Bundle.RootPath, "usr/bin/git")));
        var record = Assert.Single(TestBundles.Store.List(), record => record.Digest == lease.Bundle.Digest);
        Assert.Contains(record.Packages, package => package is { Name: "bash", Sha256.Length: 64 });
    }

    [Fact]
    public async Task A_bundle_names_no_mirror_and_a_sandbox_is_shown_the_machines()
    {
        await using var lease = await TestBundles.BaseAsync(Stop);

        var inside = await File.ReadAllTextAsync(Path.Combine(lease.Bundle.RootPath, "etc/apt/sources.list"), Stop);
        Assert.DoesNotContain("deb ", inside, StringComparison.Ordinal);
        var shown = await TestBundles.Store.MachineFilesAsync(lease.Bundle, Stop);
        var list = Assert.Single(shown, file => file.Target == "/etc/apt/sources.list");
        Assert.Matches(@"(?m)^deb \S+ bookworm main$", await File.ReadAllTextAsync(list.Source, Stop));
    }

    [Fact]
    public async Task Four_who_ask_at_once_in_two_processes_get_one_build_and_a_used_bundle_stays()
    {
        // Two stores over one folder share nothing but the file system, as two processes do.
        var (here, there) = (Store(), Store());
        var (heardHere, heardThere) = (new Heard(), new Heard());
        Assert.False(here.Has("tiny"));

        var leases = await Task.WhenAll(
            here.GetAsync("tiny", heardHere, Stop).AsTask(),
            there.GetAsync("tiny", heardThere, Stop).AsTask(),
            here.GetAsync("tiny", heardHere, Stop).AsTask(),
            there.GetAsync("tiny", heardThere, Stop).AsTask()
        );

        Assert.Single(leases.Select(lease => lease.Bundle.RootPath).Distinct());
        Assert.Single(Directory.GetDirectories(Path.Combine(StorePath, "trees")));
        Assert.Single([heardHere, heardThere], heard => heard.Ready);
        Assert.All(
            [heardHere, heardThere],
            heard => Assert.Contains("installing the essential packages", heard.Phases)
        );
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(StorePath, "tmp")));
        Assert.True(here.Has("tiny"));
        var documents = Path.Combine(leases[0].Bundle.RootPath, "usr/share/doc");
        Assert.All(
            Directory.GetFiles(documents, "*", SearchOption.AllDirectories),
            file => Assert.Equal("copyright", Path.GetFileName(file))
        );

        await here.CleanAsync(Stop);
        Assert.True(here.Has("tiny"));
        foreach (var lease in leases)
            await lease.DisposeAsync();
        Assert.True(await here.CleanAsync(Stop) > 0);
        Assert.False(there.Has("tiny"));
    }

    [Fact]
    public async Task A_build_that_is_cancelled_leaves_no_process_and_no_file()
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var heard = new Heard { At = (10, () => enough.Cancel()) };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await Store().GetAsync("tiny", heard, enough.Token)
        );

        Assert.Empty(ProcessesOf(StorePath));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(StorePath, "tmp")));
        Assert.Empty(Store().List());
    }

    [Fact]
    public async Task A_builder_that_is_killed_leaves_nothing_usable_and_no_process()
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            ArgumentList =
            {
                "-explicit",
                "only",
                "-method",
                $"{typeof(BundleStoreTests).FullName}.{nameof(Builds_into_a_given_folder)}",
            },
            RedirectStandardOutput = true,
        };
        start.Environment[FolderName] = StorePath;
        WriteRecipe();
        using var builder = Process.Start(start)!;
        using var reading = builder.StandardOutput.ReadToEndAsync(Stop);
        await ProgressAsync(builder, 12);

        builder.Kill(); // it alone: its children must notice by themselves
        await builder.WaitForExitAsync(Stop);

        while (ProcessesOf(StorePath).Length > 0)
            await Task.Delay(20, Stop);
        var store = Store();
        Assert.False(store.Has("tiny"));
        Assert.Empty(store.List());
        Assert.NotEmpty(Directory.GetDirectories(Path.Combine(StorePath, "tmp")));
        await store.SweepAsync(Stop);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(StorePath, "tmp")));
    }

    [Fact(Explicit = true)]
    public async Task Builds_into_a_given_folder()
    {
        var given = Environment.GetEnvironmentVariable(FolderName);
        Assert.NotNull(given);
        var store = TestBundles.StoreAt(given, Path.Combine(Path.GetDirectoryName(given)!, "recipes"));
        await using var lease = await store.GetAsync("tiny", new Heard(), Stop);
    }

    [Fact]
    [Trait("Slow", "true")]
    public async Task One_lock_built_twice_has_the_same_digest()
    {
        await using var one = await TestBundles.BaseAsync(Stop);
        var other = TestBundles.StoreAt(StorePath);
        await using var two = await other.GetAsync("base", new Heard(), Stop);

        Assert.Empty(
            TreeReader
                .Read(one.Bundle.RootPath, 100_000, Stop)
                .DifferencesTo(TreeReader.Read(two.Bundle.RootPath, 100_000, Stop), 20)
        );
        Assert.Equal(one.Bundle.Digest, two.Bundle.Digest);
    }

    [Theory]
    [Trait("Slow", "true")]
    [InlineData("c")]
    [InlineData("python")]
    [InlineData("python-2.7")]
    public async Task A_recipe_that_we_ship_builds_and_passes_its_checks(string recipe)
    {
        await using var lease = await TestBundles.Store.GetAsync(recipe, new Heard(), Stop);

        Assert.Empty(await TestBundles.Store.VerifyAsync(lease.Bundle.Digest, Stop));
    }

    [Fact]
    public async Task A_recipe_that_is_not_there_or_not_right_is_refused_with_the_reason()
    {
        WriteRecipe();
        var bad = Directory.CreateDirectory(Path.Combine(folder.Path, "recipes", "bad")).FullName;
        await File.WriteAllTextAsync(Path.Combine(bad, "recipe.yml"), "bundle: bad\nodd: 1\n", Stop);
        var store = Store();

        var unknown = await Assert.ThrowsAsync<BundleException>(async () =>
            await store.GetAsync("x", new Heard(), Stop)
        );
        var wrong = await Assert.ThrowsAsync<BundleException>(async () =>
            await store.GetAsync("bad", new Heard(), Stop)
        );

        Assert.Equal("There is no bundle called 'x'; there are: tiny.", unknown.Message);
        Assert.Contains("bad/recipe.yml:2:1: 'odd' is not known", wrong.Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private BundleStore Store()
    {
        WriteRecipe();
        return TestBundles.StoreAt(StorePath, Path.Combine(folder.Path, "recipes"), options => options.MaxBytes = 0);
    }

    private void WriteRecipe()
    {
        var recipe = Directory.CreateDirectory(Path.Combine(folder.Path, "recipes", "tiny")).FullName;
        File.WriteAllText(Path.Combine(recipe, "recipe.yml"), Tiny);
    }

    private async Task ProgressAsync(Process builder, int percent)
    {
        var file = Path.Combine(StorePath, "locks", "tiny.progress");
        while (!builder.HasExited)
        {
            if (File.Exists(file) && int.TryParse((await TextAsync(file)).Split(' ')[0], out var now) && now >= percent)
                return;
            await Task.Delay(20, Stop);
        }
        Assert.Fail("The builder ended by itself.");

        static async Task<string> TextAsync(string path)
        {
            try
            {
                return await File.ReadAllTextAsync(path, Stop);
            }
            catch (IOException)
            {
                return "";
            }
        }
    }

    private static string[] ProcessesOf(string path) =>
        [
            .. Directory
                .GetFiles("/proc", "*")
                .Concat(Directory.GetDirectories("/proc"))
                .Where(entry => int.TryParse(Path.GetFileName(entry), out var id) && id != Environment.ProcessId)
                .Where(process =>
                    Mentions(Path.Combine(process, "environ"), path) || Mentions(Path.Combine(process, "cmdline"), path)
                ),
        ];

    private static bool Mentions(string file, string path)
    {
        try
        {
            return File.ReadAllText(file).Contains(path, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has ended
        }
    }

    private sealed class Heard : IProgress<BundleProgress>
    {
        private readonly Lock one = new();

        public (int Percent, Action Do)? At { get; init; }

        public bool Ready { get; private set; }

        public HashSet<string> Phases { get; } = [];

        public void Report(BundleProgress value)
        {
            lock (one)
            {
                Ready |= value.Percent == 100;
                Phases.Add(value.Phase);
                if (At is { } at && value.Percent >= at.Percent)
                    at.Do();
            }
        }
    }
}
