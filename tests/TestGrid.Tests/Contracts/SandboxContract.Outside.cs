using System.Diagnostics;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Tests.Contracts;

/// <summary>What a sandbox is shown of outside: mounts and networks, and what is denied.</summary>
public abstract partial class SandboxContract
{
    // Each prints its name when the kernel lets it through. Numbers: x86-64.
    private const string Attacks = """
        use Socket; $| = 1;
        sub t { my ($n, $r) = @_; print "$n\n" if defined $r && $r >= 0 }
        t("keyctl", syscall(250, 0, -3, 0));
        t("add_key", do { my ($a, $b, $c) = ("user\0", "x\0", "p"); syscall(248, $a, $b, $c, 1, -3) });
        t("bpf", do { my $b = "\0" x 128; syscall(321, 0, $b, 128) });
        t("perf_event_open", do { my $b = pack("LLQ", 1, 112, 0) . ("\0" x 200); syscall(298, $b, 0, -1, -1, 0) });
        t("io_uring_setup", do { my $b = "\0" x 200; syscall(425, 1, $b) });
        t("userfaultfd", syscall(323, 1));
        t("unshare", syscall(272, 0x10000000));
        t("clone", do { my $r = syscall(56, 0x10000000 | 17, 0, 0, 0, 0); exit 0 if defined $r && $r == 0; $r });
        t("mount", do { my ($a, $b, $c) = ("x\0", "/mnt\0", "tmpfs\0"); syscall(165, $a, $b, $c, 0, 0) });
        t("AF_VSOCK", socket(my $s, 40, 1, 0) ? 0 : -1);
        t("AF_ALG", socket(my $s2, 38, 5, 0) ? 0 : -1);
        t("AF_PACKET", socket(my $s3, 17, 3, 0) ? 0 : -1);
        t("syslog", do { my $b = "\0" x 64; syscall(103, 3, $b, 10) });
        t("mknod", do { my $a = "/tmp/nn\0"; syscall(133, $a, 0x2000 | 0666, 0x103) });
        t("mknod block", do { my $a = "/tmp/bb\0"; syscall(133, $a, 0x6000 | 0666, 0xfe00) });
        t("setns", syscall(308, 0, 0));
        for my $f ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sys/net/ipv4/ip_forward",
            "/dev/kmsg", "/dev/vda", "/sys/kernel/mm/transparent_hugepage/enabled", "/proc/sysrq-trigger") {
            print "$f\n" if open(my $F, "+<", $f);
        }
        print "TIOCSTI\n" if ioctl(STDIN, 0x5412, my $c = "x");
        """;

    [Theory]
    [InlineData("travis")]
    [InlineData("root")]
    public async Task What_the_kernel_need_not_do_for_a_job_it_does_not_do(string user)
    {
        Assert.SkipUnless(
            System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture
                is System.Runtime.InteropServices.Architecture.X64,
            "The numbers are x86-64's."
        );
        await using var sandbox = await MakeAsync();

        var (exit, said) = await RunAsync(sandbox, Command(["perl", "-e", Attacks]) with { User = user });

        Assert.Equal((0, ""), (exit.ExitCode, said));
    }

    [Fact]
    public async Task What_debuggers_and_builds_need_is_there()
    {
        await using var sandbox = await MakeAsync();

        var (_, said) = await BashAsync(
            sandbox,
            """
            perl -e 'my $p = fork(); if (!$p) { exit(syscall(101, 0, 0, 0, 0) == 0 ? 0 : 1) } waitpid $p, 0; print "ptrace\n" if !$?'
            mkfifo /tmp/fifo && echo fifo
            setarch -R true && echo personality
            nice true && setsid true && echo groups
            touch /dev/shm/x && echo shm
            test -d /dev/mqueue && echo mqueue
            sudo chroot / true && echo chroot
            (ulimit -n 4096; ulimit -c) && echo limits
            """
        );

        Assert.Equal("ptrace\nfifo\npersonality\ngroups\nshm\nmqueue\nchroot\n0\nlimits\n", said);
    }

    [Fact]
    public async Task A_folder_shown_writable_is_the_jobs_and_stays_as_it_was_outside()
    {
        var source = MakeTree();
        var target = "/home/travis/build/someone/a project";
        await using var sandbox = await MakeAsync(mounts: new SandboxMount(source, target, SandboxMountKind.Overlay));

        var (exit, said) = await BashAsync(
            sandbox,
            $"set -e; cd '{target}'; cat file; echo changed >file; rm sub/gone; mkdir new; mv sub new/; touch ../beside; "
                + "stat -c %U . .. file; find . -type f | sort"
        );

        Assert.Equal((0, "kept\ntravis\ntravis\ntravis\n./file\n"), (exit.ExitCode, said));
        Assert.Equal("kept\n", await File.ReadAllTextAsync(source + "/file", Stop));
        Assert.True(File.Exists(source + "/sub/gone"));
        Assert.False(Directory.Exists(source + "/new"));
    }

    [Fact]
    public async Task A_folder_or_file_shown_read_only_cannot_be_written_not_even_by_root()
    {
        var source = MakeTree();
        await using var sandbox = await MakeAsync(
            mounts:
            [
                new SandboxMount(source, "/opt/testgrid/objects", SandboxMountKind.ReadOnly),
                new SandboxMount(source + "/file", "/opt/testgrid/one/script", SandboxMountKind.ReadOnly),
                new SandboxMount(source + "/file", "/etc/hostname", SandboxMountKind.ReadOnly),
            ]
        );

        var (_, said) = await BashAsync(
            sandbox,
            """
            cd /opt/testgrid; cat objects/file one/script /etc/hostname
            for by in "" sudo; do
              $by sh -c 'echo x >objects/file; echo x >one/script; echo x >/etc/hostname; touch objects/new; rm objects/sub/gone' 2>&1 | grep -c 'Read-only'
              $by sh -c 'rm -f one/script' 2>/dev/null && echo removed
              $by mount -o remount,rw /opt/testgrid/objects 2>/dev/null && echo remounted
            done; true
            """
        );

        Assert.Equal("kept\nkept\nkept\n5\n5\n", said);
        Assert.Equal("kept\n", await File.ReadAllTextAsync(source + "/file", Stop));
    }

    [Fact]
    public async Task Many_mounts_are_no_matter()
    {
        var source = MakeTree();
        var mounts = Enumerable
            .Range(0, 12)
            .Select(i => new SandboxMount(source, $"/opt/m{i}", (SandboxMountKind)(i % 2)));
        await using var sandbox = await MakeAsync(mounts: [.. mounts]);

        var (_, said) = await BashAsync(sandbox, "cat /opt/m*/file | wc -l");

        Assert.Equal("12\n", said);
    }

    [Theory]
    [InlineData("/proc/x", "/etc")]
    [InlineData("/home/../etc", "/etc")]
    [InlineData("relative", "/etc")]
    [InlineData("/bin/x", "/etc")] // /bin is a link
    [InlineData("/opt/x", "/no/such/source")]
    [InlineData("/opt/line\nfeed", "/etc")]
    public async Task A_mount_that_cannot_be_is_refused_in_words(string target, string source)
    {
        var failed = await Assert.ThrowsAsync<SandboxException>(async () =>
            await MakeAsync(mounts: new SandboxMount(source, target, SandboxMountKind.ReadOnly))
        );

        Assert.NotEmpty(failed.Message);
        AssertNothingLeft();
    }

    [Fact]
    public async Task Without_a_network_there_is_loopback_and_nothing_else()
    {
        await using var sandbox = await MakeAsync();

        var (_, said) = await BashAsync(
            sandbox,
            "ls /sys/class/net; ip -o route | wc -l; nc -l 127.0.0.1 7000 >/tmp/got & "
                + "until echo hello | nc -N 127.0.0.1 7000; do :; done; wait; cat /tmp/got"
        );

        Assert.Equal("lo\n0\nhello\n", said);
    }

    [Fact]
    public async Task With_egress_the_world_is_reached_and_the_neighbourhood_is_not()
    {
        var mirror = await FindMirrorAsync();
        // Stands for a broker or database that the host keeps for its neighbours.
        using var listener = new TcpListener(IPAddress.Any, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var own = NetworkInterface
            .GetAllNetworkInterfaces()
            .SelectMany(one => one.GetIPProperties().UnicastAddresses)
            .Select(address => address.Address)
            .Where(address => address.AddressFamily is AddressFamily.InterNetwork && !IPAddress.IsLoopback(address));
        await using var sandbox = await MakeAsync(SandboxNetwork.Egress);

        var closed = own.Select(address => $"{address}/{port}")
            .Concat([
                $"10.0.2.2/{port}",
                "10.1.2.3/80",
                "169.254.169.254/80",
                "192.168.1.1/80",
                "172.17.0.1/80",
                "100.64.0.1/80",
            ]);
        var tries = string.Concat(
            closed.Select(to =>
                $"timeout 5 bash -c '</dev/tcp/{to}' 2>/dev/null; test $? = 1 || echo '{to}: not refused at once'\n"
            )
        );
        var (_, said) = await BashAsync(
            sandbox,
            $"""
            getent hosts {mirror.Host} >/dev/null && echo named
            timeout 20 bash -c '</dev/tcp/{mirror.Host}/{mirror.Port}' && echo connected
            {tries}
            sudo nft flush ruleset 2>/dev/null && echo flushed
            for link in tap0 eth0; do sudo ip link set $link down 2>/dev/null && echo downed; done
            cat /etc/resolv.conf
            """
        );

        Assert.Equal($"named\nconnected\nnameserver {NameServer}\n", said);
    }

    // The machine's own package mirror: the one host that every such machine can reach.
    private static async Task<Uri> FindMirrorAsync()
    {
        using var apt = Process.Start(
            new ProcessStartInfo("apt-get", ["indextargets", "--format", "$(SITE)"]) { RedirectStandardOutput = true }
        )!;
        var sites = await apt.StandardOutput.ReadToEndAsync(Stop);
        await apt.WaitForExitAsync(Stop);
        return new Uri(sites.Split('\n').First(line => line.StartsWith("http", StringComparison.Ordinal)));
    }

    // A tree as a checkout is: it belongs to travis inside.
    private string MakeTree()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can give a folder to the id range.");
        var tree = Path.Combine(Folder.Path, "tree");
        Directory.CreateDirectory(tree + "/sub");
        File.WriteAllText(tree + "/file", "kept\n");
        File.WriteAllText(tree + "/sub/gone", "");
        using var chown = Process.Start("chown", ["-R", $"{FirstId + 2000}:{FirstId + 2000}", tree]);
        chown.WaitForExit();
        return tree;
    }
}
