using System.IO.Pipelines;
using System.Threading.Channels;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Tests.Contracts;

/// <summary>A command at whose terminal a person sits.</summary>
public abstract partial class SandboxContract
{
    [Fact]
    public async Task A_shell_hears_keys_follows_the_windows_size_and_ends_with_its_own_code()
    {
        await using var sandbox = await MakeAsync();
        var keys = Channel.CreateUnbounded<Stroke>();
        var (running, reader) = Sit(sandbox, Shell with { Size = new TerminalSize(91, 17) }, keys);

        await TypeAsync(keys, "stty size; tty; echo $((6 * 7))=\r");
        var first = await ReadUntilAsync(reader, "42=");
        Assert.Contains("17 91", first, StringComparison.Ordinal);
        Assert.Contains("/dev/pts/", first, StringComparison.Ordinal);
        if (FollowsWindows)
        {
            await keys.Writer.WriteAsync(new Stroke(default, new TerminalSize(77, 33)), Stop);
            await TypeAsync(keys, "stty size; echo $((6 * 8))=\r");
            Assert.Contains("33 77", await ReadUntilAsync(reader, "48="), StringComparison.Ordinal);
        }
        // One program, which has begun and does not read: a shell between its fork and its exec would lose the Ctrl-C, and
        // who reads could take what is typed after it.
        await TypeAsync(keys, "perl -e '$| = 1; print 7 * 7, \"=\\n\"; sleep 1000'\r");
        await ReadUntilAsync(reader, "49=");
        await TypeAsync(keys, "\u0003"); // Ctrl-C ends the program, and not the shell
        await TypeAsync(keys, "exit 9\r");

        Assert.Equal(9, (await running).ExitCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("sleep 1000\r")]
    public async Task When_nobody_types_any_more_a_shell_hangs_up_and_the_next_command_runs(string left)
    {
        await using var sandbox = await MakeAsync();
        var keys = Channel.CreateUnbounded<Stroke>();
        var (running, reader) = Sit(sandbox, Shell, keys);
        await TypeAsync(keys, "echo $((6 * 7))= >/tmp/said; cat /tmp/said; " + left);
        if (left.Length == 0)
            await TypeAsync(keys, "\r");
        await ReadUntilAsync(reader, "42=");

        keys.Writer.Complete();
        _ = await running.WaitAsync(TimeSpan.FromSeconds(20), Stop);

        var (exit, said) = await BashAsync(sandbox, "cat /tmp/said; pgrep -c sleep");
        Assert.Equal((1, "42=\n0\n"), (exit.ExitCode, said));
    }

    [Fact]
    public async Task A_shell_that_is_asked_to_end_ends()
    {
        await using var sandbox = await MakeAsync();
        var keys = Channel.CreateUnbounded<Stroke>();
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (running, reader) = Sit(sandbox, Shell, keys, ask.Token);
        await TypeAsync(keys, "echo $((6 * 7))=\r");
        await ReadUntilAsync(reader, "42=");

        await ask.CancelAsync();

        _ = await running.WaitAsync(TimeSpan.FromSeconds(20), Stop);
    }

    /// <summary>A terminal's size changes while a command runs in it.</summary>
    protected virtual bool FollowsWindows => true;

    private static SandboxCommand Shell { get; } =
        Command(["bash", "--norc", "-i"]) with
        {
            Tty = true,
            Env = Env.Add("HOME", "/home/travis").Add("TERM", "xterm"),
        };

    private static (Task<SandboxExit> Running, PipeReader Reader) Sit(
        Sandbox sandbox,
        SandboxCommand shell,
        Channel<Stroke> keys,
        CancellationToken? ask = null
    )
    {
        var pipe = new Pipe();
        var running = sandbox.RunAsync(shell with { Keyboard = keys.Reader }, pipe.Writer, ask ?? Stop).AsTask();
        return (running, pipe.Reader);
    }

    private static async Task TypeAsync(Channel<Stroke> keys, string text) =>
        await keys.Writer.WriteAsync(new Stroke(System.Text.Encoding.ASCII.GetBytes(text)), Stop);
}
