using System.Collections.Immutable;
using System.IO.Pipelines;
using TestGrid.Core.Orders;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner;

/// <summary>A person in a kept place. Disposing leaves it.</summary>
public sealed class KeptVisit : IDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);
    private readonly Sandbox sandbox;
    private readonly SandboxCommand shell;
    private readonly TimeProvider time;
    private readonly Action<bool> leave;
    private bool good = true;

    internal KeptVisit(Sandbox sandbox, SandboxCommand shell, TimeProvider time, Action<bool> leave) =>
        (this.sandbox, this.shell, this.time, this.leave) = (sandbox, shell, time, leave);

    /// <summary>
    /// Runs a shell where the job failed: its folder, variables and functions. Returns when it has ended; one that does not
    /// end when it is asked to is ended with the place.
    /// </summary>
    /// <param name="words">What to run instead of an interactive shell; none for that.</param>
    /// <param name="seat">What the person does at a terminal, and its size; null for no terminal.</param>
    /// <param name="output">As in <see cref="Sandbox.RunAsync"/>.</param>
    /// <param name="polite">As in <see cref="Sandbox.RunAsync"/>.</param>
    public async Task<SandboxExit> RunAsync(
        ImmutableArray<string> words,
        TerminalSeat? seat,
        PipeWriter output,
        CancellationToken polite
    )
    {
        var command = shell;
        if (!words.IsEmpty)
            command = command with { Argv = KeptShell.Run(command, words) };
        command = seat is { } sits
            ? command with
            {
                Tty = true,
                Size = sits.Size,
                Keyboard = sits.Strokes,
                Env = command.Env.SetItem("TERM", "xterm-256color"),
            }
            : command with
            {
                Tty = false,
                Env = command.Env.SetItem("TERM", "dumb"),
            };
        try
        {
            var running = sandbox.RunAsync(command, output, polite).AsTask();
            var asked = new TaskCompletionSource();
            await using (polite.UnsafeRegister(_ => asked.TrySetResult(), null))
                await Task.WhenAny(running, asked.Task);
            if (await Task.WhenAny(running, Task.Delay(Grace, time, CancellationToken.None)) != running)
            {
                good = false;
                await sandbox.DisposeAsync();
            }
            return await running;
        }
        catch (SandboxException)
        {
            good = false; // the kernel ended it: nobody can enter it again
            throw;
        }
    }

    public void Dispose() => leave(good);
}

/// <param name="Size">Of its window, at first.</param>
/// <param name="Strokes">See <see cref="SandboxCommand.Keyboard"/>.</param>
public sealed record TerminalSeat(TerminalSize Size, System.Threading.Channels.ChannelReader<Stroke> Strokes);

/// <summary>The shell that opens where a job failed.</summary>
internal static class KeptShell
{
    /// <summary>An interactive one, for the job's user in the job's environment.</summary>
    /// <param name="job">What the job ran.</param>
    /// <param name="folder">Where it opens when the job ended before it could say where it failed.</param>
    public static SandboxCommand Of(SandboxCommand job, string folder) =>
        job with
        {
            Argv = ["/bin/bash", "--rcfile", PlaceFile(job), "-i"],
            Folder = folder,
        };

    /// <summary>What a job runs whose place may be kept: its script says where it fails.</summary>
    public static SandboxCommand Prepare(SandboxCommand job) =>
        job with
        {
            Env = job.Env.SetItem(JobScript.PlaceVariable, PlaceFile(job)),
        };

    /// <summary>Where the job's script writes its folder, variables and functions when a command fails.</summary>
    public static string PlaceFile(SandboxCommand job) => $"{job.Env["HOME"]}/.testgrid-failed";

    /// <summary>One command, in the same place.</summary>
    public static ImmutableArray<string> Run(SandboxCommand shell, ImmutableArray<string> words) =>
        ["/bin/bash", "-c", "[[ -r $1 ]] && . \"$1\"; shift; \"$@\"", "bash", PlaceFile(shell), .. words];
}
