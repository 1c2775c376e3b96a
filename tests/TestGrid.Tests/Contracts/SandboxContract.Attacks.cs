using TestGrid.Core.Jobs;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Tests.Contracts;

/// <summary>What a hostile job tries against any engine. docs/security.md has the list.</summary>
public abstract partial class SandboxContract
{
    /// <summary>Root inside is root of this machine but for its capabilities: it opens what no mode allows.</summary>
    protected virtual bool RootIsTheMachines => false;

    // A user namespace by the newer call, the kernel's log and keys, and a file system of the job's own making.
    private const string MoreAttacks = """
        my $ask = pack("Q11", 0x10000000, (0) x 3, 17, (0) x 6);
        my $made = syscall(435, $ask, 88);
        exit 0 if defined $made && $made == 0;
        print "clone3\n" if $made > 0;
        print "/dev/fuse\n" if -e "/dev/fuse";
        print "setns\n" if open(my $n, "<", "/proc/1/ns/net") && syscall(308, fileno $n, 0) == 0;
        for my $f ("/dev/kmsg", "/proc/kcore", "/proc/timer_list", "/proc/keys") {
            my $b; print "$f can be read\n" if open(my $F, "<", $f) && sysread($F, $b, 1);
        }
        for my $f (glob("/sys/fs/cgroup/* /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/*/release_agent")) {
            print "$f can be written\n" if -f $f && open(my $F, "+<", $f);
        }
        """;

    [Theory]
    [InlineData("travis")]
    [InlineData("root")]
    public async Task No_newer_call_and_no_file_of_the_kernels_leads_further(string user)
    {
        Assert.SkipUnless(
            System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture
                is System.Runtime.InteropServices.Architecture.X64,
            "The numbers are x86-64's."
        );
        await using var sandbox = await MakeAsync();

        var (exit, said) = await RunAsync(sandbox, Command(["perl", "-e", MoreAttacks]) with { User = user });

        Assert.Equal((0, ""), (exit.ExitCode, said));
    }

    [Fact]
    public async Task Nothing_under_proc_and_sys_that_the_whole_machine_shares_can_be_written()
    {
        await using var sandbox = await MakeAsync();

        // As root inside, who passes every file's mode. Those of processes are the job's own.
        var (_, said) = await BashAsync(
            sandbox,
            """
            sudo find /proc /sys -xdev -path '/proc/[0-9]*' -prune -o -path '/proc/self*' -prune -o \
                -path '/proc/thread-self*' -prune -o -type f -print 2>/dev/null |
            sudo perl -ne 'BEGIN { %own = map { (stat)[0] => 1 } "/proc", "/sys" } chomp;
                printf "%s %o\n", $_, (stat)[2] & 07777 if $own{(stat)[0]} && sysopen(my $f, $_, 1)' # what is masked is another device's
            """
        );

        // What the kernel gives no way to write refuses the write: opening it is root's, and no more.
        var open = said.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !RootIsTheMachines || !line.EndsWith(" 444", StringComparison.Ordinal))
            .Where(line => !RootIsTheMachines || !line.EndsWith(" 400", StringComparison.Ordinal));
        Assert.Empty(open);
    }

    [Fact]
    public async Task Mail_IPv6_and_a_name_that_leads_next_door_are_closed()
    {
        var mirror = await FindMirrorAsync();
        await using var sandbox = await MakeAsync(SandboxNetwork.Egress);

        // The name is the job's own, as one that a stranger's name server changes between two questions.
        var (_, said) = await BashAsync(
            sandbox,
            $$"""
            echo 169.254.169.254 rebind.example | sudo tee -a /etc/hosts >/dev/null
            closed() { timeout 5 bash -c "</dev/tcp/$1/$2" 2>/dev/null; test $? = 1 || echo "$1:$2: not refused at once"; }
            for port in 25 465 587; do closed {{mirror.Host}} $port; done
            closed rebind.example 80
            for address in fd00:ec2::254 ::ffff:169.254.169.254 2001:db8::1; do closed $address 80; done
            timeout 20 bash -c '</dev/tcp/{{mirror.Host}}/{{mirror.Port}}' && echo open
            """
        );

        Assert.Equal("open\n", said);
    }

    [Fact]
    public async Task Two_memory_bombs_at_once_end_by_themselves_and_a_neighbour_works_on()
    {
        Assert.SkipWhen(Uncapped is not null, Uncapped ?? "");
        var limits = JobLimits.Default with { MemoryBytes = 96 << 20 };
        await using var one = await MakeAsync(limits: limits);
        await using var other = await MakeAsync(limits: limits);
        await using var neighbour = await MakeAsync();
        const string Bomb = "perl -e 'my @x; push @x, \"x\" x (4 << 20) while 1'; exit 1";

        var bombs = new[] { BashAsync(one, Bomb), BashAsync(other, Bomb) };
        var (_, said) = await BashAsync(neighbour, "for i in {1..50}; do /bin/true || exit 1; done; echo works");
        var ended = await Task.WhenAll(bombs);

        Assert.Equal("works\n", said);
        Assert.All(ended, end => Assert.True(end.Exit.OutOfMemory));
    }
}
