using System.Net;
using System.Net.Sockets;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Files;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

/// <summary>What a package's script may do while a bundle is built, and that it is the same for root and for others.</summary>
public sealed class BuildRoomTests : IDisposable
{
    private const string FolderName = "TESTGRID_TEST_BUILD_FOLDER";

    // Each line says what came of one try. It is run as root of the range; in a package it is in the tree as well.
    private const string Attack = """
        try() { name=$1; shift; if ( "$@" ) >/dev/null 2>&1; then echo "$name: yes"; else echo "$name: no"; fi; }
        try "reads a file of the machine" cat "$secret"
        try "reads it through another process" sh -c 'for p in /proc/[0-9]*; do cat "$p/root$secret" && exit 0; done; exit 1'
        try "reads it from outside its root" perl -e 'mkdir "/tmp/out"; chroot "/tmp/out" or die; chdir ".." for 1..64; chroot "."; open F, "<", $ENV{secret} or die'
        try "writes outside" sh -c ': >"${secret%/*}/written"'
        try "reaches this machine" perl -MIO::Socket::INET -e 'IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ENV{port}") or die'
        try "reaches others" perl -MIO::Socket::INET -e 'IO::Socket::INET->new(PeerAddr => "192.0.2.1:80", Timeout => 2) or die'
        try "makes a device" mknod /tmp/device b 8 0
        try "shows itself the machine's devices" mount -t devtmpfs none /mnt
        try "shows itself the machine's settings" mount -t sysfs none /mnt
        try "sets the time" date -s 2000-01-01
        try "changes a setting" sh -c 'echo 1 >/proc/sys/kernel/panic'
        echo "is called $(cat /proc/sys/kernel/hostname), and sees $(ls -d /proc/[0-9]* | wc -l) processes or fewer than 40" |
            sed 's/sees [1-3]\?[0-9] processes or //'
        """;

    private static readonly string[] Held =
    [
        "reads a file of the machine: no",
        "reads it through another process: no",
        "reads it from outside its root: no",
        "writes outside: no",
        "reaches this machine: no",
        "reaches others: no",
        "makes a device: no",
        "shows itself the machine's devices: no",
        "shows itself the machine's settings: no",
        "sets the time: no",
        "changes a setting: no",
        "is called build, and fewer than 40",
    ];

    private readonly TempFolder folder = new();
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);

    public BuildRoomTests()
    {
        listener.Start();
        File.WriteAllText(Secret, "of this machine");
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Secret => Path.Combine(folder.Path, "secret");

    private string Given => $"secret={Secret} port={((IPEndPoint)listener.LocalEndpoint).Port}; export secret port\n";

    [Fact]
    public async Task Its_root_reaches_nothing_of_the_machine_and_leaves_no_process()
    {
        var (tree, given) = (Sub("tree"), Sub("given"));
        await File.WriteAllTextAsync(Path.Combine(given, "package"), "", Stop);
        var range = new IdRange(100_000);
        await range.TakeOverAsync(tree, Stop);
        const string more = """

            mount -o remount,bind,rw /build/given
            try "changes a program of the machine" sh -c ': >/usr/bin/testgrid-was-here'
            try "changes what it was given" sh -c ': >/build/given/package'
            : >/build/root/made && echo "makes its tree"
            ls / | tr '\n' ' '; echo; env | grep -c . ; setsid sleep 98765 >/dev/null 2>&1 &
            """;
        var said = new List<string>();

        await using var process = await BuildRoom.StartAsync(
            range,
            (Sub("room"), tree, given),
            ["sh", "-c", Given + Attack + more],
            new Dictionary<string, string> { ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin" },
            _ => { },
            Stop
        );
        using var output = new StreamReader(process.Output);
        while (await output.ReadLineAsync(Stop) is { } line)
            said.Add(line);
        Assert.Equal(0, await process.WaitAsync(Stop));

        // PATH, PWD and the two that the attack itself sets.
        string[] after =
        [
            "changes a program of the machine: no",
            "changes what it was given: no",
            "makes its tree",
            said[^2],
            "4",
        ];
        Assert.Equal([.. Held, .. after], said);
        Assert.Matches("^(bin |build |dev |etc |lib\\w* |proc |run |sbin |tmp |usr )+$", said[^2]);
        Assert.False(listener.Pending());
        Assert.True(File.Exists(Path.Combine(tree, "made")));
        Assert.DoesNotContain("sleep\098765", Commands(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hostile_package_builds_to_one_tree_for_root_and_for_an_ordinary_user()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can become somebody else.");
        await using var lease = await TestBundles.ServiceAsync("redis", Stop);
        var mirror = new SyntheticMirror(Sub("mirror"));
        var script = $"#!/bin/sh\n{Given}{{\n{Attack}\n}} >/opt/report\nsetsid sleep 98766 >/dev/null 2>&1 &\n";
        var hostile = await mirror.AddAsync("hostile", "1.0", Stop, script);
        var redis = LockReader.Read(
            "lock.json",
            await File.ReadAllTextAsync(Path.Combine(lease.Bundle.RootPath, "../lock.json"), Stop)
        );
        var locked = ((LockReading.Read)redis).Lock;
        locked = locked with { Packages = BundleLock.InOrder(locked.Packages.Add(hostile)) };
        // In the user's own folder, whose files stay root's: an ordinary user cannot link them, and takes copies.
        var (mine, cache) = (Path.Combine(Sub("tmp"), "build"), Path.Combine(TestBundles.CachePath, "bundles"));
        foreach (var package in locked.Packages)
        {
            var from = package == hostile ? mirror.PathOf(hostile) : Pool(cache, package);
            Directory.CreateDirectory(Path.GetDirectoryName(Pool(mine, package))!);
            File.Copy(from, Pool(mine, package));
        }
        await File.WriteAllTextAsync(Path.Combine(mine, "lock.json"), locked.Text(), Stop);

        var built = await BuildAsync(mine, "root");
        Own(mine);
        var (code, said) = await OrdinaryUser.RunTestsAsync(
            folder.Path,
            [$"{FolderName}={mine}"],
            ["-explicit", "only", "-method", $"{typeof(BuildRoomTests).FullName}.{nameof(Builds_as_a_user)}"],
            Stop
        );

        Assert.True(code == 0, said);
        Assert.Equal(Held, await File.ReadAllLinesAsync(Path.Combine(mine, "root/tree/root/opt/report"), Stop));
        Assert.Equal(built.Digest.ToString(), await File.ReadAllTextAsync(Path.Combine(mine, "user.digest"), Stop));
        Assert.False(listener.Pending());
        Assert.DoesNotContain("sleep\098766", Commands(), StringComparison.Ordinal);
    }

    [Fact(Explicit = true)]
    public async Task Builds_as_a_user()
    {
        var given = Environment.GetEnvironmentVariable(FolderName);
        Assert.NotNull(given);
        var built = await BuildAsync(given, "user");
        await File.WriteAllTextAsync(Path.Combine(given, "user.digest"), built.Digest.ToString(), Stop);
    }

    public void Dispose()
    {
        listener.Dispose();
        folder.Dispose();
    }

    private static async Task<BundleRecord> BuildAsync(string store, string name)
    {
        var options = new BundleOptions { RootPath = store };
        var pool = new SyntheticMirror("/nonexistent").Pool(store);
        var builder = new BundleBuilder(pool, new ToolSource(options, pool), options, TimeProvider.System);
        var text = await File.ReadAllTextAsync(Path.Combine(store, "lock.json"), Stop);
        var log = new BuildLog("hostile", TextWriter.Null, new Progress<BundleProgress>());
        return await builder.BuildAsync(
            new Recipe
            {
                Name = "hostile",
                Suite = "bookworm",
                Packages = ["hostile", "redis-server"],
            },
            ((LockReading.Read)LockReader.Read("lock.json", text)).Lock,
            Path.Combine(store, name),
            log,
            Stop
        );
    }

    private static string Pool(string store, LockedPackage package) =>
        Path.Combine(store, "pool/sha256", package.Sha256[..2], package.Sha256);

    private static void Own(string path)
    {
        // Not what root has built there.
        var folders = Directory.GetDirectories(Path.Combine(path, "pool"), "*", SearchOption.AllDirectories);
        foreach (var one in folders.Append(Path.Combine(path, "pool")).Append(path))
            Posix.GiveTo(one, OrdinaryUser.Id, OrdinaryUser.Id);
    }

    private static string Commands() =>
        string.Join('\n', Directory.GetDirectories("/proc").Select(one => Path.Combine(one, "cmdline")).Select(Read));

    private static string Read(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllText(file) : "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // it has ended
        }
    }

    private string Sub(string name) =>
        Directory
            .CreateDirectory(
                Path.Combine(folder.Path, name),
                (UnixFileMode)0x1ED // 0755
            )
            .FullName;
}
