using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Docker;
using TestGrid.Tests.Contracts;
using TestGrid.Tests.Runner.Sandboxes.Native;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Sandboxes.Docker;

/// <summary>The docker engine, on a real daemon.</summary>
[Collection(DockerCollection.Name)]
public sealed class DockerSandboxEngineTests(TestDocker docker) : SandboxContract
{
    // Prints `testgrid.tree/1` of what stands at /, but its last step, the order.
    private const string PrintTree = """
        use strict; my %sum; local $/ = "\0";
        my @own = map { "/$_" } qw(dev proc sys run tmp etc/hosts etc/hostname etc/resolv.conf .dockerenv);
        my @skip = map { ("-path", $_, "-prune", "-o") } @own;
        sub esc { my $t = shift; $t =~ s/([\x00-\x1f\x7f\\])/sprintf "\\%03o", ord $1/ge; $t }
        open my $sums, "-|", "find / @skip -type f -print0 | xargs -0 sha256sum -z"; while (<$sums>) { chomp;
            my ($sum, $path) = /^(\w+)  (.*)/s; $sum{$path} = $sum }
        open my $all, "-|", "find / @skip -mindepth 1 -print0"; while (<$all>) { chomp; my $path = $_;
            my @s = lstat $path or next; my $kind = $s[2] >> 12;
            my $type = {8 => "f", 4 => "d", 10 => "l", 2 => "c", 6 => "b", 1 => "p"}->{$kind};
            my $value = $type eq "f" ? $sum{$path} : $type eq "l" ? esc(readlink $path) : "-";
            my $room = "\0" x 64; my ($at, $key) = ($path, "security.capability");
            my $got = $type eq "f" ? syscall(192, $at, $key, $room, 64) : -1;
            printf "%s %04o %d %d %d %s %s%s\n", $type, $s[2] & 07777, $s[4], $s[5], $type eq "f" ? $s[7] : 0, $value,
                esc(substr $path, 1), $got > 0 ? " cap=" . unpack("H*", substr $room, 0, $got) : "" }
        """;

    protected override bool RootIsTheMachines => true;

    protected override int FirstId => new SandboxOptions().FirstId;

    protected override string NameServer => "127.0.0.11\noptions ndots:0";

    private string StatePath => Path.Combine(Folder.Path, "state");

    [Fact]
    public async Task The_tree_seen_from_inside_either_engine_has_the_bundles_digest()
    {
        using var native = NativeSandboxEngineContract.CreateAt(new SandboxOptions { StatePath = StatePath });

        var inDocker = await ReadInsideAsync(Engine);
        var inNative = await ReadInsideAsync(native);

        Assert.Equal([], inDocker.DifferencesTo(inNative, 20));
        Assert.Equal(Bundle.Digest, inNative.Digest);
        Assert.Equal(Bundle.Digest, inDocker.Digest);
    }

    [Fact]
    public async Task A_runner_killed_in_the_middle_leaves_no_process_and_the_next_one_sweeps_the_rest()
    {
        var word = NewWord();
        using var host = SandboxHost.Start(StatePath, docker.Host, word);
        await UntilAsync(
            () => host.HasExited || CountProcesses(SandboxHost.Started(word)) >= 3,
            "the host's sandbox did not start"
        );
        Assert.False(host.HasExited);
        // What a living runner has is not to be swept.
        await Engine.SweepAsync(Stop);
        Assert.Equal(3, CountProcesses(SandboxHost.Started(word)));

        host.Kill();
        await host.WaitForExitAsync(Stop);

        await UntilAsync(() => CountProcesses(word) == 0, "a process outlived its runner");
        await Engine.SweepAsync(Stop);
        AssertNothingLeft();
        Assert.Empty(Directory.GetFiles(StatePath));
    }

    [Fact]
    public async Task The_packet_filter_goes_with_its_runner_and_a_dead_ones_at_the_next_start()
    {
        var ended = CreateAt(docker.Host, StatePath);
        var killed = CreateAt(docker.Host, StatePath);
        string[] tables;
        await using (await MakeWithNetworkAsync(ended, "ended"))
        await using (await MakeWithNetworkAsync(killed, "killed"))
            tables = [.. Directory.GetFiles(StatePath).Select(file => $"testgrid_tg{file[^11..^5]}")];
        Assert.Equal(2, tables.Length);
        Assert.Equal(2, Filters().Intersect(tables).Count());

        await ended.DisposeAsync();
        killed.Dispose(); // its mark is free, as when the kernel ends it
        Assert.Single(Filters().Intersect(tables));

        await Engine.SweepAsync(Stop);

        Assert.Empty(Filters().Intersect(tables));
        Assert.Empty(Directory.GetFiles(StatePath));
    }

    [Fact]
    public async Task A_jobs_root_cannot_hold_the_lifeline_open()
    {
        await using var sandbox = await MakeAsync();

        var (_, said) = await BashAsync(
            sandbox,
            "sudo sh -c 'exec 9<>/proc/1/fd/0 && echo held; cat /proc/1/environ && echo read; kill -KILL 1; true' 2>/dev/null"
        );

        Assert.Equal("", said);
        Assert.Equal("alive\n", (await BashAsync(sandbox, "echo alive")).Said);
    }

    [Fact]
    public async Task Orphans_are_buried()
    {
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { Processes = 60 });

        var (_, said) = await BashAsync(
            sandbox,
            "for i in $(seq 200); do (true &) || exit; done; ps -e -o stat= | grep -c Z"
        );

        Assert.InRange(int.Parse(said, CultureInfo.InvariantCulture), 0, 5);
    }

    protected override ISandboxEngine Create() => CreateAt(docker.Host, StatePath);

    internal static DockerSandboxEngine CreateAt(string host, string statePath) =>
        new(
            Options.Create(new SandboxOptions { StatePath = statePath, DockerHost = host }),
            TimeProvider.System,
            NullLogger<DockerSandboxEngine>.Instance
        );

    protected override void AssertNothingLeft()
    {
        Assert.Equal("", docker.Ask("ps", "--all", "--quiet"));
        Assert.Equal("", docker.Ask("volume", "ls", "--quiet"));
        Assert.Equal("", docker.Ask("network", "ls", "--quiet", "--filter", "label=org.testgrid.life"));
    }

    private ValueTask<Sandbox> MakeWithNetworkAsync(DockerSandboxEngine engine, string name)
    {
        var spec = new SandboxSpec(name, Bundle.RootPath, [], JobLimits.Default, SandboxNetwork.Egress);
        return engine.CreateAsync(spec with { Digest = Bundle.Digest }, Stop);
    }

    private static HashSet<string> Filters()
    {
        using var nft = Process.Start(
            new ProcessStartInfo("nft", ["list", "tables", "inet"]) { RedirectStandardOutput = true }
        )!;
        var tables = nft.StandardOutput.ReadToEnd().Split('\n');
        nft.WaitForExit();
        return [.. tables.Select(table => table.Split(' ')[^1])];
    }

    private async Task<Manifest> ReadInsideAsync(ISandboxEngine engine)
    {
        var spec = new SandboxSpec("tree", Bundle.RootPath, [], JobLimits.Default, SandboxNetwork.None)
        {
            Digest = Bundle.Digest,
        };
        await using var sandbox = await engine.CreateAsync(spec, Stop);
        var command = Command(["perl", "-e", PrintTree]) with { User = "root" };
        var (exit, said) = await RunAsync(sandbox, command);
        Assert.Equal(0, exit.ExitCode);
        var lines = said.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .OrderBy(line => line.Split(' ', 7)[6].Split(" cap=")[0], StringComparer.Ordinal);
        return Manifest.Parse(Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n"))));
    }
}
