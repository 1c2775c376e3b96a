using TestGrid.Core.Jobs;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Tests.Contracts;

/// <summary>What a command used, and which limit it met, is told of every engine alike.</summary>
public abstract partial class SandboxContract
{
    [Fact]
    public async Task What_a_sandbox_used_is_told()
    {
        await using var sandbox = await MakeAsync();

        var (exit, _) = await BashAsync(
            sandbox,
            "head -c 20M /dev/zero >/tmp/x; head -c 20M /dev/zero | sudo tee /opt/x >/dev/null; perl -e '$x = \"x\" x (100 << 20); 1 for 1 .. 5_000_000'"
        );

        Assert.InRange(exit.Use!.DiskBytes!.Value, 40 << 20, 60 << 20);
        Assert.False(exit.Use.DiskFull || exit.Use.ProcessesRefused);
        if (Uncapped is null)
            Assert.InRange(exit.Use.PeakMemoryBytes!.Value, 140 << 20, 400 << 20);
        else
            Assert.Null(exit.Use.PeakMemoryBytes); // absent, never 0
        if (exit.Use.Processor is { } processor)
            Assert.InRange(processor.TotalSeconds, 0.05, 30);
    }

    [Fact]
    public async Task A_glance_tells_what_was_used_since_the_one_before()
    {
        await using var sandbox = await MakeAsync();
        var before = sandbox.Glance();

        await BashAsync(
            sandbox,
            "perl -e '$x = \"x\" x (100 << 20)'; head -c 20M /dev/zero | sudo tee /opt/x >/dev/null"
        );
        var large = sandbox.Glance();
        await BashAsync(sandbox, "sudo rm /opt/x");
        var small = sandbox.Glance();

        if (Uncapped is null)
        {
            Assert.InRange(large.PeakMemoryBytes!.Value, 100 << 20, 400 << 20);
            Assert.True(small.PeakMemoryBytes is null || small.PeakMemoryBytes < large.PeakMemoryBytes - (40 << 20));
        }
        else
        {
            Assert.Null(large.PeakMemoryBytes);
        }
        if (large.DiskBytes is { } disk)
        {
            Assert.InRange(disk - before.DiskBytes!.Value, 20 << 20, 21 << 20);
            Assert.True(small.DiskBytes < disk);
        }
    }

    [Fact]
    public async Task Empty_files_without_number_end_at_the_limit()
    {
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { DiskBytes = 64 << 20 });

        var (exit, said) = await BashAsync(
            sandbox,
            "mkdir /tmp/m; cd /tmp/m; perl -e 'my $n = 0; $n++ while open my $f, \">\", $n; print $n'; exit 1"
        );

        Assert.InRange(int.Parse(said, null), 15_000, 20_000);
        Assert.True(exit.Use?.DiskFull);
    }

    [Fact]
    public async Task A_full_folder_of_its_own_is_told_apart_from_a_failure()
    {
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { DiskBytes = 64 << 20 });

        var (failed, _) = await BashAsync(sandbox, "exit 1");
        var (full, said) = await BashAsync(sandbox, "head -c 100M /dev/zero >/tmp/x");

        Assert.False(failed.Use!.DiskFull);
        Assert.Contains("No space left on device", said, StringComparison.Ordinal);
        Assert.True(full.Use!.DiskFull);
    }

    [Theory]
    [InlineData("sudo head -c 200M /dev/zero | sudo tee /opt/x >/dev/null || exit 1")]
    [InlineData("mkdir ~/m; cd ~/m; perl -e 'my $n = 0; $n++ while open my $f, \">\", $n; print $n, \"\\n\"'; exit 1")]
    public async Task No_folder_holds_more_than_the_limit(string filling)
    {
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { DiskBytes = 64 << 20 });

        // Where a write over the limit is not refused, the job is ended: it does not get to its own end.
        var (exit, _) = await BashAsync(sandbox, $"({filling}) && sleep 1000; exit 1");

        Assert.NotEqual(0, exit.ExitCode);
        Assert.True(exit.Use?.DiskFull);
    }

    [Fact]
    public async Task A_file_of_holes_is_as_large_as_what_it_holds()
    {
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { DiskBytes = 64 << 20 });

        // Longer than a look at its disk takes, where it is looked at.
        var (exit, _) = await BashAsync(sandbox, "truncate -s 10G ~/holes; sleep 2");

        Assert.Equal((0, false), (exit.ExitCode, exit.Use?.DiskFull));
    }

    [Fact]
    public async Task A_process_that_was_refused_is_told()
    {
        Assert.SkipWhen(Uncapped is not null, Uncapped ?? "");
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { Processes = 40 });

        var (few, _) = await BashAsync(sandbox, "exit 1");
        var (many, _) = await BashAsync(
            sandbox,
            "perl -e 'for (1 .. 200) { my $p = fork; exit 1 unless defined $p; sleep 30, exit unless $p }'"
        );

        Assert.False(few.Use!.ProcessesRefused);
        Assert.True(many.Use!.ProcessesRefused);
    }

    [Fact]
    public async Task A_folder_that_the_spec_asks_for_is_there_and_belongs_to_who_owns_the_one_above()
    {
        var spec = new SandboxSpec("1.1-1", Bundle.RootPath, [], JobLimits.Default, SandboxNetwork.None)
        {
            Digest = Bundle.Digest,
            Folders = ["/home/travis/one/two", "/opt/three", "/etc"],
        };
        await using var sandbox = await Engine.CreateAsync(spec, Stop);

        var (exit, said) = await BashAsync(
            sandbox,
            "stat -c '%U %a %F' ~/one ~/one/two /opt/three /etc; touch ~/one/two/mine; ls -A ~/one/two"
        );

        Assert.Equal(0, exit.ExitCode);
        Assert.Equal(
            "travis 755 directory\ntravis 755 directory\nroot 755 directory\nroot 755 directory\nmine\n",
            said.ReplaceLineEndings("\n")
        );
    }

    [Fact]
    public async Task A_machine_is_called_as_the_spec_says_and_finds_itself_by_that_name()
    {
        var spec = new SandboxSpec("1.1-1", Bundle.RootPath, [], JobLimits.Default, SandboxNetwork.None)
        {
            Digest = Bundle.Digest,
            HostName = "db.example",
        };
        await using var sandbox = await Engine.CreateAsync(spec, TestContext.Current.CancellationToken);

        var (_, said) = await BashAsync(sandbox, "uname -n; getent hosts db.example | cut -d' ' -f1");

        Assert.Equal("db.example\n127.0.0.1\n", said);
    }
}
