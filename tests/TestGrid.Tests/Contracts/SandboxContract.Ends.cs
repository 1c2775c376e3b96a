using System.IO.Pipelines;
using System.Security.Cryptography;
using TestGrid.Core.Jobs;

namespace TestGrid.Tests.Contracts;

/// <summary>How commands end, and that nothing outlives its sandbox; output in quantity.</summary>
public abstract partial class SandboxContract
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Asked_politely_a_script_cleans_up_and_says_with_what_it_ends(bool tty)
    {
        await using var sandbox = await MakeAsync();
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        const string Script = "trap 'echo cleaning; sleep 0.3; echo cleaned; exit 3' TERM; echo up; sleep 100 & wait";
        var (running, reader) = await StartAsync(sandbox, Script, "up", ask.Token, tty);

        await ask.CancelAsync();

        // Once: whoever traps the signal is not to be asked again while it cleans up.
        var said = await ReadUntilAsync(reader, "cleaned");
        Assert.Equal("cleaning\ncleaned", said.Replace("\r", "", StringComparison.Ordinal).Trim());
        Assert.Equal(3, (await running).ExitCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Asked_politely_a_command_under_a_shell_ends_too(bool tty)
    {
        await using var sandbox = await MakeAsync();
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (running, _) = await StartAsync(sandbox, "echo up; sleep 100; echo never", "up", ask.Token, tty);

        await ask.CancelAsync();

        Assert.Equal(143, (await running).ExitCode);
    }

    [Fact]
    public async Task Asked_before_it_starts_a_command_does_not_start()
    {
        await using var sandbox = await MakeAsync();

        var exit = await sandbox.RunAsync(Command(["touch", "/tmp/x"]), new Pipe().Writer, new CancellationToken(true));
        var (_, said) = await BashAsync(sandbox, "ls /tmp");

        Assert.Equal((143, ""), (exit.ExitCode, said));
    }

    [Fact]
    public async Task Disposing_ends_what_will_not_end_and_what_has_gone_its_own_way()
    {
        var sandbox = await MakeAsync();
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var word = NewWord();
        var script = $"""
            trap '' TERM HUP
            setsid bash -c 'trap "" TERM HUP; (exec -a {word} sleep 1000) & (exec -a {word} sleep 1000)' &
            (setsid setsid bash -c 'exec -a {word} sleep 1000' &)
            echo up
            while :; do sleep 1; done
            """;
        var (running, _) = await StartAsync(sandbox, script, "up\n", ask.Token);
        await UntilAsync(() => CountProcesses(word) >= 3, "the daemons did not start");
        await ask.CancelAsync();
        Assert.False(running.IsCompleted);

        await sandbox.DisposeAsync();

        Assert.Equal(0, CountProcesses(word));
        Assert.Equal(137, (await running).ExitCode);
        AssertNothingLeft();
    }

    [Fact]
    public async Task Disposing_twice_does_no_harm_and_a_disposed_sandbox_runs_nothing()
    {
        var sandbox = await MakeAsync();

        await sandbox.DisposeAsync();
        await sandbox.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await BashAsync(sandbox, "true"));
        AssertNothingLeft();
    }

    [Fact]
    public async Task A_process_left_behind_that_holds_the_output_holds_nobody_up()
    {
        await using var sandbox = await MakeAsync();
        var word = NewWord();
        foreach (var tty in new[] { false, true })
        {
            var (exit, said) = await BashAsync(
                sandbox,
                $"setsid bash -c 'trap \"\" HUP; exec -a {word} sleep 1000' & echo done; exit 5",
                tty
            );

            Assert.Equal((5, "done"), (exit.ExitCode, said.TrimEnd()));
        }
    }

    [Fact]
    public async Task Two_hundred_megabytes_come_through_byte_for_byte()
    {
        await using var sandbox = await MakeAsync();
        const int Bytes = 200 << 20;
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1 << 20, resumeWriterThreshold: 1 << 19));
        var reading = HashAsync(pipe.Reader);

        // A stream that is no repetition, made alike on both sides: AES in counter mode.
        var command = Command([
            "bash",
            "-c",
            $"mkfifo /tmp/copy; sha256sum </tmp/copy >/tmp/sum & "
                + $"head -c {Bytes} /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null | tee /tmp/copy; wait",
        ]);
        var exit = await sandbox.RunAsync(command, pipe.Writer, Stop);
        await pipe.Writer.CompleteAsync();
        var (length, hash) = await reading;
        var (_, sum) = await BashAsync(sandbox, "cat /tmp/sum");

        Assert.Equal((0, (long)Bytes), (exit.ExitCode, length));
        Assert.StartsWith(hash, sum, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_slow_reader_loses_nothing_of_the_last_words(bool tty)
    {
        await using var sandbox = await MakeAsync();
        // No room at all: every byte waits for its reader.
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
        var command = Command(["bash", "-c", "seq 1 3000"]) with { Tty = tty };

        var running = sandbox.RunAsync(command, pipe.Writer, Stop).AsTask();
        await UntilAsync(() => pipe.Reader.TryRead(out var first) && Put(pipe.Reader, first), "nothing came");
        using var all = new MemoryStream();
        var reading = pipe.Reader.CopyToAsync(all, Stop);
        var exit = await running;
        await pipe.Writer.CompleteAsync();
        await reading;

        var said = System.Text.Encoding.UTF8.GetString(all.ToArray()).Replace("\r", "", StringComparison.Ordinal);
        Assert.Equal(string.Concat(Enumerable.Range(1, 3000).Select(i => $"{i}\n")), said);
        Assert.Equal(0, exit.ExitCode);

        static bool Put(PipeReader reader, ReadResult read)
        {
            reader.AdvanceTo(read.Buffer.Start); // seen, not taken
            return true;
        }
    }

    [Fact]
    public async Task A_reader_that_went_away_does_not_stop_the_command()
    {
        await using var sandbox = await MakeAsync();
        var pipe = new Pipe();
        await pipe.Reader.CompleteAsync();

        var exit = await sandbox.RunAsync(Command(["bash", "-c", "seq 1 100000; exit 4"]), pipe.Writer, Stop);

        Assert.Equal(4, exit.ExitCode);
    }

    [Fact]
    public async Task Four_sandboxes_work_at_the_same_time()
    {
        var all = await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(async number =>
                {
                    await using var sandbox = await MakeAsync();
                    var (exit, said) = await BashAsync(
                        sandbox,
                        $"for i in 1 2 3 4 5; do echo {number} >>/tmp/mine; done; sort -u /tmp/mine; exit {number}"
                    );
                    return (exit.ExitCode, said);
                })
        );

        Assert.Equal([(0, "0\n"), (1, "1\n"), (2, "2\n"), (3, "3\n")], all);
        AssertNothingLeft();
    }

    [Fact]
    public async Task More_processes_than_allowed_are_refused()
    {
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { Processes = 40 });

        var (_, said) = await BashAsync(
            sandbox,
            "perl -e 'my $n = 0; for (1 .. 300) { my $p = fork(); last unless defined $p; if (!$p) { sleep 100 } $n++ } print $n'"
        );

        Assert.InRange(int.Parse(said, null), 20, 80);
    }

    [Fact]
    public async Task More_memory_than_allowed_ends_the_command_and_says_so()
    {
        Assert.SkipWhen(Uncapped is not null, Uncapped ?? "");
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { MemoryBytes = 256 << 20 });

        var (exit, _) = await BashAsync(sandbox, "perl -e '$x = \"x\" x (1 << 30); print length $x'");

        Assert.NotEqual(0, exit.ExitCode);
        Assert.True(exit.OutOfMemory);
    }

    [Fact]
    public async Task Memory_used_as_a_disk_is_memory()
    {
        Assert.SkipWhen(Uncapped is not null, Uncapped ?? "");
        await using var sandbox = await MakeAsync(
            limits: JobLimits.Default with
            {
                MemoryBytes = 256 << 20,
                DiskBytes = 4L << 30,
            }
        );

        var (exit, _) = await BashAsync(sandbox, "head -c 1G /dev/zero >/tmp/big; echo $?; sleep 1; exit 9");

        Assert.True(exit.OutOfMemory);
    }

    [Fact]
    public async Task A_full_disk_is_full_for_this_sandbox_only()
    {
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { DiskBytes = 64 << 20 });

        var (exit, said) = await BashAsync(sandbox, "head -c 200M /dev/zero >/tmp/big; du -m --apparent-size /tmp/big");

        Assert.Contains("No space left on device", said, StringComparison.Ordinal);
        Assert.Equal((0, false), (exit.ExitCode, exit.OutOfMemory));
    }

    [Fact]
    public async Task Less_processor_time_than_it_wants_slows_a_command_down()
    {
        Assert.SkipWhen(Uncapped is not null, Uncapped ?? "");
        await using var sandbox = await MakeAsync(limits: JobLimits.Default with { Cpus = 0.2 });

        var (_, said) = await BashAsync(sandbox, "timeout 2 sh -c 'while :; do :; done'; times");

        // Two seconds of wall time at a fifth; the shell prints minutes and seconds, user then system.
        var seconds = said.Trim().Split('\n')[^1].Split('m', 's')[1];
        Assert.InRange(double.Parse(seconds, System.Globalization.CultureInfo.InvariantCulture), 0.05, 1.0);
    }

    /// <summary>Nothing on this machine still speaks of a sandbox of this test.</summary>
    protected abstract void AssertNothingLeft();

    private static async Task<(long Length, string Hash)> HashAsync(PipeReader reader)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var length = 0L;
        while (true)
        {
            var read = await reader.ReadAsync(Stop);
            foreach (var part in read.Buffer)
                hash.AppendData(part.Span);
            length += read.Buffer.Length;
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                return (length, Convert.ToHexStringLower(hash.GetCurrentHash()));
        }
    }
}
