using System.Collections.Immutable;
using System.IO.Pipelines;
using System.Text;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Sandboxes;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Contracts;

/// <summary>What every sandbox engine promises. Real sandboxes over the real base bundle.</summary>
public abstract partial class SandboxContract : IAsyncLifetime
{
    private BundleLease? lease;
    private ISandboxEngine? engine;

    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    protected ISandboxEngine Engine => engine ??= Create();

    protected Bundle Bundle => TestBundles.Given ?? lease!.Bundle;

    protected TempFolder Folder { get; } = new();

    /// <summary>What id 0 inside is outside.</summary>
    protected abstract int FirstId { get; }

    /// <summary>What a sandbox with a network asks for names.</summary>
    protected virtual string NameServer => "10.0.2.3";

    protected abstract ISandboxEngine Create();

    /// <summary>Why memory and processors are without limit here; null when they have one.</summary>
    protected virtual string? Uncapped => null;

    public async ValueTask InitializeAsync() =>
        lease = TestBundles.Given is null ? await TestBundles.BaseAsync(Stop) : null;

    public async ValueTask DisposeAsync()
    {
        if (engine is IAsyncDisposable disposable)
            await disposable.DisposeAsync();
        if (lease is not null)
            await lease.DisposeAsync();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_command_runs_and_both_its_streams_come_out_in_order()
    {
        await using var sandbox = await MakeAsync();

        var (exit, said) = await BashAsync(sandbox, "echo one; echo two >&2; echo three");

        Assert.Equal((0, "one\ntwo\nthree\n"), (exit.ExitCode, said));
    }

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("kill -TERM $$", 143)]
    [InlineData("kill -KILL $$", 137)]
    [InlineData("kill -SEGV $$", 139)]
    [InlineData("kill -INT $$", 130)]
    public async Task An_exit_code_is_the_commands_own_and_128_more_than_the_signal_that_ended_it(
        string script,
        int code
    )
    {
        await using var sandbox = await MakeAsync();
        foreach (var tty in new[] { false, true })
        {
            var (exit, said) = await BashAsync(sandbox, script, tty: tty);

            Assert.Equal((code, "", false), (exit.ExitCode, said, exit.OutOfMemory));
        }
    }

    [Fact]
    public async Task A_program_that_is_not_there_ends_with_127()
    {
        await using var sandbox = await MakeAsync();

        var (exit, _) = await RunAsync(sandbox, Command(["/no/such/program"]));

        Assert.Equal(127, exit.ExitCode);
    }

    [Fact]
    public async Task A_user_that_the_bundle_does_not_have_is_an_error_that_says_so()
    {
        await using var sandbox = await MakeAsync();

        var failed = await Assert.ThrowsAsync<SandboxException>(async () =>
            await RunAsync(sandbox, Command(["true"]) with { User = "nobody-here" })
        );

        Assert.Contains("nobody-here", failed.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_environment_is_exactly_what_was_given(bool tty)
    {
        await using var sandbox = await MakeAsync();
        Environment.SetEnvironmentVariable("RUNNERS_OWN", "secret");

        var (_, said) = await RunAsync(sandbox, Command(["env", "-0"]) with { Tty = tty });

        var expected = Env.Select(pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal);
        said = said.Replace("\r\n", "\n", StringComparison.Ordinal);
        Assert.Equal(expected, said.Split('\0', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Nothing_of_the_runners_is_handed_in()
    {
        var secret = Path.Combine(Folder.Path, "held-open");
        await using var held = File.Create(secret);
        await using var sandbox = await MakeAsync();

        var (_, files) = await BashAsync(sandbox, "ls /proc/self/fd; readlink /proc/self/fd/*; pwd; umask");
        var (_, first) = await BashAsync(sandbox, "sudo cat /proc/1/environ | tr '\\0' '\\n'; sudo ls -l /proc/1/fd");
        var (_, signals) = await BashAsync(sandbox, "grep -E 'SigIgn|SigBlk' /proc/self/status");

        Assert.StartsWith("0\n1\n2\n3\n", files, StringComparison.Ordinal);
        Assert.EndsWith("/home/travis\n0022\n", files, StringComparison.Ordinal);
        Assert.DoesNotContain(Folder.Path, files + first, StringComparison.Ordinal);
        Assert.DoesNotContain("DOTNET", first, StringComparison.Ordinal);
        Assert.Equal("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", signals);
    }

    [Fact]
    public async Task What_one_command_writes_the_next_one_reads()
    {
        await using var sandbox = await MakeAsync();

        await BashAsync(sandbox, "echo kept >/tmp/one; echo kept >~/two");
        var (exit, said) = await BashAsync(sandbox, "cat /tmp/one ~/two");

        Assert.Equal((0, "kept\nkept\n"), (exit.ExitCode, said));
    }

    [Fact]
    public async Task What_one_sandbox_writes_no_other_one_sees_nor_the_bundle()
    {
        await using (var one = await MakeAsync())
            await BashAsync(
                one,
                "sudo touch /etc/mark ~/mark /tmp/mark /var/mark; sudo rm /etc/passwd; echo x | sudo tee -a /etc/group"
            );

        await using var other = await MakeAsync();
        var (exit, _) = await BashAsync(
            other,
            "ls /etc/mark ~/mark /tmp/mark /var/mark; test -s /etc/passwd && ! grep x$ /etc/group"
        );

        Assert.Equal(0, exit.ExitCode);
        Assert.False(File.Exists(Bundle.RootPath + "/etc/mark"));
        Assert.True(File.Exists(Bundle.RootPath + "/etc/passwd"));
    }

    [Fact]
    public async Task Two_sandboxes_at_once_see_nothing_of_each_other()
    {
        await using var one = await MakeAsync();
        await using var other = await MakeAsync();
        const string Look =
            "ps -e --no-headers -o args; ss -xlH; ls /dev/shm /tmp; ipcs -m; nc -zw1 127.0.0.1 7777 && echo rea''ched";

        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (running, _) = await StartAsync(
            one,
            "touch /dev/shm/mark-s /tmp/mark-t; ipcmk -M 100 >/dev/null; nc -lk 127.0.0.1 7777 & nc -lU @mark-u & "
                + "echo up; exec -a mark-p sleep 100",
            "up\n",
            ask.Token
        );
        var (_, said) = await BashAsync(other, Look);

        Assert.DoesNotContain("mark", said, StringComparison.Ordinal);
        Assert.DoesNotContain("reached", said, StringComparison.Ordinal);
        Assert.DoesNotContain("0x", said, StringComparison.Ordinal);
        await ask.CancelAsync();
        await running;
    }

    [Fact]
    public async Task The_host_is_not_to_be_seen()
    {
        await using var sandbox = await MakeAsync();

        var (_, said) = await BashAsync(
            sandbox,
            $"hostname; sudo ls -d {Folder.Path} {Bundle.RootPath} {AppContext.BaseDirectory} /sys/fs/cgroup/* 2>&1; ls /dev"
        );

        Assert.DoesNotContain(Environment.MachineName, said, StringComparison.Ordinal);
        Assert.DoesNotContain($"\n{Folder.Path}\n", said, StringComparison.Ordinal);
        Assert.DoesNotContain($"\n{Bundle.RootPath}\n", said, StringComparison.Ordinal);
        Assert.DoesNotContain("\n/", said, StringComparison.Ordinal);
        Assert.DoesNotContain("vda", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_job_is_travis_with_a_home_and_a_name_for_its_machine()
    {
        await using var sandbox = await MakeAsync();

        var (_, said) = await BashAsync(
            sandbox,
            "id -un; id -u; echo ~; getent hosts $(hostname) localhost | wc -l; touch /tmp/x ~/x && echo written"
        );

        Assert.Equal("travis\n2000\n/home/travis\n2\nwritten\n", said);
    }

    [Fact]
    public async Task Sudo_gives_a_root_that_is_one_inside_only()
    {
        await using var sandbox = await MakeAsync();

        var (_, said) = await BashAsync(
            sandbox,
            """
            sudo id -u
            sudo touch /usr/local/mark && sudo chown www-data /usr/local/mark && stat -c %U /usr/local/mark
            sudo sh -c 'echo 1 >/proc/sys/vm/drop_caches' 2>/dev/null || echo no sysctl
            sudo mknod /tmp/disk b 254 0 2>/dev/null || echo no device
            sudo mount -t tmpfs x /mnt 2>/dev/null || echo no mount
            sudo ip link add dummy0 type dummy 2>/dev/null || echo no link
            sudo nft list ruleset 2>/dev/null || echo no filter
            sudo unshare -U true 2>/dev/null || echo no namespace
            sudo dmesg 2>/dev/null || echo no kernel log
            """
        );

        Assert.Equal(
            "0\nwww-data\nno sysctl\nno device\nno mount\nno link\nno filter\nno namespace\nno kernel log\n",
            said
        );
    }

    [Fact]
    public async Task A_program_has_threads()
    {
        await using var sandbox = await MakeAsync();

        var (_, said) = await BashAsync(sandbox, "perl -Mthreads -e 'print threads->create(sub { 42 })->join'");

        Assert.Equal("42", said);
    }

    [Fact]
    public async Task A_bundle_without_sudo_gives_no_privilege()
    {
        await using var sandbox = await MakeAsync();

        var (exit, _) = await BashAsync(sandbox, "setpriv --reuid 0 true || unshare -r true || chroot / true");

        Assert.NotEqual(0, exit.ExitCode);
    }

    [Fact]
    public async Task A_command_without_input_reads_an_end_and_one_with_input_reads_its_bytes()
    {
        await using var sandbox = await MakeAsync();
        var bytes = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("a line of input\n", 20_000)));

        var (_, nothing) = await BashAsync(sandbox, "cat; echo end");
        var (_, terminal) = await RunAsync(
            sandbox,
            Command(["bash", "-c", "read line; echo got $line; cat; echo end"]) with
            {
                Tty = true,
                Input = "typed\n"u8.ToArray(),
            }
        );
        var (_, all) = await RunAsync(sandbox, Command(["sha256sum"]) with { Input = bytes });

        Assert.Equal("end\n", nothing);
        Assert.EndsWith("got typed\r\nend\r\n", terminal, StringComparison.Ordinal);
        Assert.StartsWith(
            Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)),
            all,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_terminal_is_one_of_120_by_40_and_a_pipe_is_none()
    {
        await using var sandbox = await MakeAsync();
        const string Look = "test -t 0 && test -t 1 && test -t 2 && echo tty; stty size </dev/tty; echo end >/dev/tty";

        var (_, tty) = await BashAsync(sandbox, Look, tty: true);
        var (_, pipe) = await BashAsync(sandbox, Look + "; true");

        Assert.Equal("tty\r\n40 120\r\nend\r\n", tty);
        Assert.DoesNotContain(
            "tty\n",
            pipe.Replace("/dev/tty", "", StringComparison.Ordinal),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_standard_streams_can_be_opened_by_name(bool tty)
    {
        await using var sandbox = await MakeAsync();

        var (_, said) = await BashAsync(
            sandbox,
            "echo one >/dev/stdout; echo two >/dev/stderr; sudo sh -c 'echo three >/dev/stdout'; echo four | tee /dev/stderr",
            tty
        );

        Assert.Equal("one\ntwo\nthree\nfour\nfour\n", said.Replace("\r", "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_seam_runs_one_command_at_a_time()
    {
        await using var sandbox = await MakeAsync();
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var pipe = new Pipe();
        var running = sandbox.RunAsync(Command(["sleep", "100"]), pipe.Writer, ask.Token).AsTask();

        await Assert.ThrowsAsync<InvalidOperationException>(async () => await BashAsync(sandbox, "true"));

        await ask.CancelAsync();
        Assert.Equal(143, (await running).ExitCode);
    }

    protected static ImmutableSortedDictionary<string, string> Env { get; } =
        ImmutableSortedDictionary<string, string>
            .Empty.Add("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .Add("GREETING", "two words, 'quotes' and\na new line")
            .Add("EMPTY", "");

    protected static SandboxCommand Command(ImmutableArray<string> argv) => new(argv, Env, "/home/travis");

    protected async Task<Sandbox> MakeAsync(
        SandboxNetwork network = SandboxNetwork.None,
        JobLimits? limits = null,
        params ImmutableArray<SandboxMount> mounts
    ) =>
        await Engine.CreateAsync(
            new SandboxSpec("1.1-1", Bundle.RootPath, mounts, limits ?? JobLimits.Default, network)
            {
                Digest = Bundle.Digest,
            },
            Stop
        );

    protected static Task<(SandboxExit Exit, string Said)> BashAsync(
        Sandbox sandbox,
        string script,
        bool tty = false
    ) =>
        RunAsync(
            sandbox,
            Command(["bash", "-c", script]) with
            {
                Tty = tty,
                Env = Env.Add("HOME", "/home/travis").Add("USER", "travis"),
            }
        );

    protected static async Task<(SandboxExit Exit, string Said)> RunAsync(Sandbox sandbox, SandboxCommand command)
    {
        var pipe = new Pipe();
        var reading = ReadAllAsync(pipe.Reader);
        try
        {
            var exit = await sandbox.RunAsync(command, pipe.Writer, Stop);
            await pipe.Writer.CompleteAsync();
            return (exit, await reading);
        }
        finally
        {
            await pipe.Writer.CompleteAsync();
        }
    }

    /// <summary>Starts a command that goes on, and returns when it has said <paramref name="mark"/>.</summary>
    protected static async Task<(Task<SandboxExit> Running, PipeReader Reader)> StartAsync(
        Sandbox sandbox,
        string script,
        string mark,
        CancellationToken polite,
        bool tty = false
    )
    {
        var pipe = new Pipe();
        var running = sandbox
            .RunAsync(Command(["bash", "-c", script]) with { Tty = tty }, pipe.Writer, polite)
            .AsTask();
        await ReadUntilAsync(pipe.Reader, mark);
        return (running, pipe.Reader);
    }

    /// <summary>How many processes of this machine have this word on their command line.</summary>
    protected static int CountProcesses(string word) => Processes(word).Count;

    /// <summary>The processes of this machine that have this word on their command line.</summary>
    protected static List<int> Processes(string word)
    {
        var found = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(path => char.IsDigit(path[6])))
        {
            try
            {
                if (File.ReadAllText(folder + "/cmdline").Contains(word, StringComparison.Ordinal))
                    found.Add(int.Parse(folder.AsSpan(6), null));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // it ended
        }
        return found;
    }

    /// <summary>A word that no other test or run uses.</summary>
    protected static string NewWord() => "mark-" + Path.GetRandomFileName().Replace(".", "", StringComparison.Ordinal);

    /// <summary>Waits until it is so, and fails when it has not come to be in half a minute.</summary>
    protected static async Task UntilAsync(Func<bool> holds, string what)
    {
        var first = TimeProvider.System.GetTimestamp();
        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(first) < TimeSpan.FromSeconds(30), what);
            await beat.WaitForNextTickAsync(Stop);
        }
    }

    protected static async Task<string> ReadUntilAsync(PipeReader reader, string mark)
    {
        while (true)
        {
            var read = await reader.ReadAsync(Stop).AsTask().WaitAsync(TimeSpan.FromSeconds(30), Stop);
            var said = Encoding.UTF8.GetString(read.Buffer);
            if (said.Contains(mark, StringComparison.Ordinal) || read.IsCompleted)
            {
                reader.AdvanceTo(read.Buffer.End);
                return said;
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static async Task<string> ReadAllAsync(PipeReader reader)
    {
        using var all = new MemoryStream();
        await reader.CopyToAsync(all, Stop);
        return Encoding.UTF8.GetString(all.ToArray());
    }
}
