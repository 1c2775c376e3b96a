using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TestGrid.Cli.Diagnosis;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Serving;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Cli.Diagnosis;

public sealed class CheckupTests : IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Data => Path.Combine(folder.Path, "data");

    [Fact]
    public async Task A_machine_that_has_it_all_is_found_fit_and_is_left_as_it_was()
    {
        var findings = await ExamineAsync(Settings());

        Assert.DoesNotContain(findings, finding => finding.Level is FindingLevel.Failure);
        Assert.Contains(findings, finding => finding is { What: "a command in a sandbox", Level: FindingLevel.Ok });
        string[] parts = ["git", "bundle tools", "native engine", "docker", "store", "queue", "disk", "ports"];
        Assert.Equal(parts, findings.Select(finding => finding.Part).Distinct());
        Assert.False(Directory.Exists(Data), "it made the data folder");
    }

    [Fact]
    public async Task A_server_that_runs_is_seen_and_not_disturbed()
    {
        using var held = DataFolder.Open(Data);
        held.ReadOrMakeKey();
        await using var database = SqliteDatabase.Open(held.DatabasePath);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();

        var findings = await ExamineAsync(Settings(((IPEndPoint)listener.LocalEndpoint).Port));

        Assert.DoesNotContain(findings, finding => finding.Level is FindingLevel.Failure);
        Assert.Contains(Of(findings, "ports"), finding => finding.Detail.Contains($"process {Environment.ProcessId}"));
        Assert.Contains(Of(findings, "store"), finding => finding is { What: "database", Level: FindingLevel.Ok });
        await database.PingAsync(Stop);
    }

    [Fact]
    public async Task A_file_where_the_data_folder_should_be_is_named()
    {
        await File.WriteAllTextAsync(Data, "", Stop);

        var found = await ExamineAsync(Settings() with { DataPath = Path.Combine(Data, "below") }, StoreCheck.Examine);

        var finding = Assert.Single(found);
        Assert.Equal(FindingLevel.Failure, finding.Level);
        Assert.Equal($"mv {Data} {Data}.old", finding.Remedy);
    }

    [Fact]
    public async Task A_folder_that_takes_no_files_is_a_failure()
    {
        var finding = (await ExamineAsync(Settings() with { DataPath = "/proc/testgrid" }, StoreCheck.Examine)).First();

        Assert.Equal(FindingLevel.Failure, finding.Level);
        Assert.Contains("--data", finding.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_database_and_a_key_that_others_read_are_failures()
    {
        using (var made = DataFolder.Open(Data))
        {
            made.ReadOrMakeKey();
            await using var database = SqliteDatabase.Open(made.DatabasePath);
        }
        File.SetUnixFileMode(Path.Combine(Data, "secrets.key"), (UnixFileMode)0x1A4);
        await using (var file = File.OpenWrite(Path.Combine(Data, "testgrid.db")))
        {
            file.Position = 4096; // the first table's page
            file.Write(Enumerable.Repeat((byte)0x55, 8192).ToArray());
        }

        var found = await ExamineAsync(Settings(), StoreCheck.Examine);

        Assert.Equal(FindingLevel.Failure, found.Single(finding => finding.What == "database").Level);
        Assert.Equal(
            $"chmod 600 {Path.Combine(Data, "secrets.key")}",
            found.Single(finding => finding.What == "secrets' key").Remedy
        );
    }

    [Fact]
    public async Task A_busy_port_is_told_with_its_holder_and_the_next_one()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;

        var finding = Assert.Single(await ExamineAsync(Settings(port), PortCheck.Examine));

        Assert.Equal(FindingLevel.Failure, finding.Level);
        Assert.Contains($"process {Environment.ProcessId}", finding.Detail, StringComparison.Ordinal);
        Assert.Contains($"--listen http://127.0.0.1:{port + 1}", finding.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, FindingLevel.Failure)]
    [InlineData(0, FindingLevel.Note)] // jobs run elsewhere: nobody builds bundles here
    public async Task A_missing_program_is_named_with_its_package(int slots, object level)
    {
        // Everything of the system's path but one program.
        foreach (
            var program in Ground
                .SystemPath.Split(':')
                .Where(Directory.Exists)
                .SelectMany(Directory.EnumerateFiles)
                .Where(program => Path.GetFileName(program) != "mmdebstrap")
        )
        {
            var link = Path.Combine(folder.Path, Path.GetFileName(program));
            if (!File.Exists(link))
                File.CreateSymbolicLink(link, program);
        }

        var findings = await ExamineAsync(Settings() with { Slots = slots }, folder.Path);

        var finding = Of(findings, "bundle tools").Single(one => one.What == "programs");
        Assert.Equal(level, finding.Level);
        Assert.Equal("apt-get install mmdebstrap", finding.Remedy);
    }

    [Fact]
    public async Task A_disk_too_full_for_jobs_is_a_failure_and_for_bundles_a_warning()
    {
        Directory.CreateDirectory(Data);
        await File.WriteAllTextAsync(
            Path.Combine(Data, "testgrid.json"),
            """{ "runner": { "keepFreeBytes": 1000000000000000000 }, "bundles": { "freeBytes": 1000000000000000000 } }""",
            Stop
        );

        var found = await ExamineAsync(Settings(), DiskCheck.Examine);

        Assert.Equal(
            [FindingLevel.Ok, FindingLevel.Failure, FindingLevel.Warning],
            found.Select(finding => finding.Level)
        );
        Assert.All(found.Skip(1), finding => Assert.Contains("store gc", finding.Remedy, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_disk_too_full_for_the_server_is_a_failure()
    {
        Directory.CreateDirectory(Data);
        Run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", Data);
        try
        {
            var finding = (await ExamineAsync(Settings(), DiskCheck.Examine)).Single(one => one.What == "for data");

            Assert.Equal(FindingLevel.Failure, finding.Level);
            Assert.StartsWith("8 MiB free", finding.Detail, StringComparison.Ordinal);
        }
        finally
        {
            Run("umount", Data);
        }
    }

    [Fact]
    public async Task A_part_that_only_other_settings_need_is_a_note()
    {
        Directory.CreateDirectory(Data);
        await File.WriteAllTextAsync(
            Path.Combine(Data, "testgrid.json"),
            """{ "sandbox": { "runtime": "/no/such/runtime" } }""",
            Stop
        );

        var used = Of(await ExamineAsync(Settings()), "native engine");
        var idle = Of(await ExamineAsync(Settings() with { Slots = 0 }), "native engine");

        Assert.Equal(FindingLevel.Failure, used.Single(one => one.What == "an OCI runtime").Level);
        Assert.Equal(FindingLevel.Note, idle.Single(one => one.What == "an OCI runtime").Level);
        Assert.Equal("apt-get install crun", idle.Single(one => one.What == "an OCI runtime").Remedy);
    }

    [Theory]
    [InlineData("""{ "runner": { "slots": 400 } }""", "Slots")]
    [InlineData("""{ "runner": """, "LineNumber: 0")]
    public void Settings_that_cannot_be_used_are_named(string text, string named)
    {
        Directory.CreateDirectory(Data);
        File.WriteAllText(Path.Combine(Data, "testgrid.json"), text);

        var refused = Assert.Throws<ValidationException>(() => Ground.Open(Settings()));

        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("amqp://127.0.0.1:9", "127.0.0.1:9: connection refused", "systemctl start rabbitmq-server ")]
    [InlineData("amqp://ci@127.0.0.1:9", "user 'ci' needs a password", "install -m 600 ")]
    [InlineData("amqp://ci:hunter2@127.0.0.1:9", "holds a password", "--queue amqp://testgrid@")]
    [InlineData("amqp://nobody.invalid", "nobody.invalid is not known", "getent hosts nobody.invalid ")]
    [InlineData("nats", "there is no such queue", "--queue amqp://user@host:5672/vhost")]
    public async Task A_queue_that_takes_nothing_is_a_failure_with_its_remedy(string queue, string words, string remedy)
    {
        await using var ground = Ground.Open(Settings() with { Queue = new QueueWords(queue) });

        var finding = Assert.Single(await QueueCheck.ExamineAsync(ground, Stop).ToListAsync(Stop));

        Assert.Equal(FindingLevel.Failure, finding.Level);
        Assert.Contains(words, finding.Detail, StringComparison.Ordinal);
        Assert.StartsWith(remedy, finding.Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", finding.ToString(), StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private static List<Finding> Of(List<Finding> findings, string part) =>
        [.. findings.Where(finding => finding.Part == part)];

    private static async Task<List<Finding>> ExamineAsync(ServingSettings settings, string? searchPath = null)
    {
        await using var ground = Ground.Open(settings);
        if (searchPath is not null)
            ground.SearchPath = searchPath;
        return await Checkup.ExamineAsync(ground, Stop).ToListAsync(Stop);
    }

    private static async Task<List<Finding>> ExamineAsync(
        ServingSettings settings,
        Func<Ground, IEnumerable<Finding>> check
    )
    {
        await using var ground = Ground.Open(settings);
        return [.. check(ground)];
    }

    private static void Run(params string[] words)
    {
        using var process = Process.Start(words[0], words[1..]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private ServingSettings Settings(int port = 0) =>
        new(
            $"http://127.0.0.1:{port}",
            PublicUrl: null,
            Data,
            BundlesPath: Path.Combine(TestBundles.CachePath, "bundles"),
            Slots: 1,
            Verbose: false
        );
}
