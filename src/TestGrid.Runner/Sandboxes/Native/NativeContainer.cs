using System.Diagnostics;
using System.IO.Pipelines;
using System.Text;
using Microsoft.Extensions.Logging;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>Runs commands in one place of a pod, each as a container of the OCI runtime.</summary>
/// <param name="spec">The sandbox.</param>
/// <param name="pod">Its pod.</param>
/// <param name="place">Where.</param>
/// <param name="tree">The tree that is seen there.</param>
/// <param name="tools">What it is done with.</param>
/// <param name="ended">The sandbox is disposed of: nobody waits for the command's words any more.</param>
internal sealed partial class NativeContainer(
    SandboxSpec spec,
    Pod pod,
    ContainerPlace place,
    BundleTree tree,
    NativeTools tools,
    CancellationToken ended
)
{
    private const int NobodyYet = 3; // what the scripts that ask say then
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(20);

    // The kernel's own way to reach all at once.
    private const string AskAll = "kill -SIGNAL -1 2>/dev/null || exit 3";

    // `script`, which makes the terminal, is left out: it would take no more of the job's last words. Lower numbers
    // first: a shell that outlives its command by a moment would begin the next one.
    private const string AskAllButTerminal = """
        mount -t proc proc /proc || exit 1; asked=
        for p in $(cd /proc && ls -d [0-9]* | sort -n); do
            read -r n name state parent more <"/proc/$p/stat" || continue
            [ "$n" = 1 ] || [ "$n" = $$ ] || [ "$name $parent" = "(script) 1" ] || kill -SIGNAL "$n" && asked=1
        done 2>/dev/null
        [ "$asked" ] || exit 3
        """;

    private readonly OciRuntime runtime = tools.Runtime;

    /// <summary>As <see cref="Sandbox.RunAsync"/>.</summary>
    public async Task<SandboxExit> RunAsync(SandboxCommand command, PipeWriter output, CancellationToken polite)
    {
        var config = OciConfig.For(
            command,
            place.Root,
            spec.HostName,
            runtime.HandsOverTerminals,
            tree.FindUser(command.User),
            Walls.SharedMemoryBytes(spec.Limits),
            pod.Group.Counts("pids.max") ? 0 : spec.Limits.Processes
        );
        if (polite.IsCancellationRequested)
            return new SandboxExit(OrderlySandbox.Terminated);
        if (!pod.Lives)
            throw new SandboxException($"Sandbox {spec.Name} has ended: the kernel killed it.");

        var kills = pod.Group.CountOomKills();
        File.Delete(PidFile);
        using var console = command.Tty && runtime.HandsOverTerminals ? ConsoleSocket.Listen(pod.Folder) : null;
        using var process = place == ContainerPlace.Job ? pod.TakeDoor() : pod.OpenDoor(runtime.Waiting(place));
        var complaining = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            var exited = process.WaitForExitAsync(CancellationToken.None);
            var copying = console is not null
                ? CopyTerminalAsync(console, exited, command, output)
                : CopyAsync(process.StandardOutput.BaseStream, output);
            var feeding = FeedAsync(process, config, command, console is not null, exited);
            var asked = Task.CompletedTask;
            await using (polite.UnsafeRegister(_ => asked = AskToEndAsync(exited, command, console is null), null))
                await exited;
            await Task.WhenAll(copying, feeding, asked);
        }
        finally
        {
            if (!process.HasExited)
                Posix.Kill(process.Id, Posix.Sigkill);
        }

        var outOfMemory = pod.Group.CountOomKills() > kills;
        var code = process.ExitCode;
        if (code != 0 && !outOfMemory && pod.Lives && !ended.IsCancellationRequested && !File.Exists(PidFile))
            throw await NotStartedAsync(complaining);
        return new SandboxExit(
            pod.Lives && !ended.IsCancellationRequested ? code : OrderlySandbox.Killed,
            outOfMemory,
            Use()
        );
    }

    private SandboxUse Use()
    {
        var (bytes, full) = pod.LookAtDisk();
        var refused = pod.Group.CountRefusedProcesses() > 0;
        return new SandboxUse(pod.Group.PeakMemory, pod.Group.ProcessorTime, bytes, full, refused);
    }

    private string PidFile => Path.Combine(pod.Folder, place.PidFile);

    private string LogFile => Path.Combine(pod.Folder, place.Log);

    private async Task FeedAsync(Process process, byte[] config, SandboxCommand command, bool handedOver, Task exited)
    {
        var input = handedOver ? null : command.Input;
        var stream = process.StandardInput.BaseStream;
        try
        {
            var order = runtime.Order(config.Length, inputFollows: input is not null, handedOver);
            await stream.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(order), .. config], ended);
            if (input is { } bytes)
                await stream.WriteAsync(bytes, ended);
            if (!handedOver && command.Keyboard is not null)
                await TypeAsync(command, stream, null, exited); // its window keeps its size
            // A terminal that `script` makes reads here: an end would be typed into it.
            if (handedOver || !command.Tty || input is not null)
                process.StandardInput.Close();
        }
        catch (IOException) { } // it ended before it had read all: its right
        catch (OperationCanceledException) { }
    }

    private async Task CopyTerminalAsync(ConsoleSocket console, Task exited, SandboxCommand command, PipeWriter output)
    {
        await using var terminal = await console.AcceptAsync(exited, ended);
        if (terminal is null)
            return; // the runtime failed before it made one; its log says why
        // Without input nothing is typed, not even an end: sudo would take it for a key and echo it as ^@.
        if (command.Input is { } bytes)
            await terminal.WriteAsync(new ReadOnlyMemory<byte>([.. bytes.Span, OrderlySandbox.EndKey]), ended);
        var typing = command.Keyboard is null ? Task.CompletedTask : TypeAsync(command, terminal, terminal, exited);
        await CopyAsync(terminal, output);
        await typing;
    }

    // Until the command is over, or nobody types any more: then its terminal hangs up.
    private async Task TypeAsync(SandboxCommand command, Stream keys, FileStream? window, Task exited)
    {
        try
        {
            while (true)
            {
                var more = command.Keyboard!.WaitToReadAsync(ended).AsTask();
                if (await Task.WhenAny(more, exited) == exited)
                    return;
                if (!await more)
                    break;
                while (command.Keyboard.TryRead(out var stroke))
                {
                    if (stroke.Size is { } size && window is not null)
                        Posix.Resize(window.SafeFileHandle, size.Usable);
                    await keys.WriteAsync(stroke.Typed, ended);
                    await keys.FlushAsync(ended);
                }
            }
        }
        catch (IOException) { } // the command is over
        catch (OperationCanceledException)
        {
            return;
        }
        await AskToEndAsync(exited, command, window is null);
    }

    // Reads no faster than the reader of `output` takes: the pipe fills and the command waits.
    private async Task CopyAsync(Stream from, PipeWriter output)
    {
        var wanted = true;
        try
        {
            while (true)
            {
                var read = await from.ReadAsync(output.GetMemory(65536), ended);
                if (read == 0)
                    return;
                output.Advance(read);
                wanted = wanted && !(await output.FlushAsync(ended)).IsCompleted;
            }
        }
        catch (IOException) { } // EIO: how a terminal's end is told
        catch (OperationCanceledException) { }
    }

    // To all of the job's processes but the container's first one, which only waits: sent from inside their PID
    // namespace, so that no number can mean somebody else's process. Until there is one that it reaches: before the
    // container is made, and before its first process has made the job's, there is nobody to hear it.
    private async Task AskToEndAsync(Task exited, SandboxCommand command, bool inScript)
    {
        var ask = command.Tty && inScript ? $"unshare --mount -- sh -c '{AskAllButTerminal}'" : $"sh -c '{AskAll}'";
        ask = ask.Replace("SIGNAL", command.Keyboard is null ? "TERM" : "HUP", StringComparison.Ordinal);
        var script =
            $"read -r p <{PodFiles.InPod}/{place.PidFile}; [ \"$p\" ] || exit {NobodyYet}; "
            + $"exec nsenter --target=\"$p\" --pid -- {ask}";
        var warned = false;
        while (!exited.IsCompleted)
        {
            var (exit, said) = File.Exists(PidFile)
                ? await ChildProgram.RunAsync(pod.Enter("sh", "-c", script), CancellationToken.None)
                : (NobodyYet, "");
            if (exit == 0)
                return;
            if (exit != NobodyYet && !warned && pod.Lives && !exited.IsCompleted)
            {
                NotAsked(tools.Log, spec.Name, said);
                warned = true;
            }
            await Task.WhenAny(exited, Task.Delay(Moment, tools.Time, CancellationToken.None));
        }
    }

    // No container came to be: the runtime, or what enters the pod, says why.
    private async Task<SandboxException> NotStartedAsync(Task<string> complaining)
    {
        var said = (await File.ReadAllTextAsync(LogFile, CancellationToken.None) + await complaining).Trim();
        return new SandboxException(
            $"{runtime.Name} could not start the command: {(said.Length > 0 ? said : "it does not say why")}"
        );
    }

    [LoggerMessage(LogLevel.Warning, "The command in sandbox {Sandbox} could not be asked to end: {Said}")]
    private static partial void NotAsked(ILogger log, string sandbox, string said);
}

/// <summary>What the native engine runs containers with.</summary>
internal sealed record NativeTools(OciRuntime Runtime, TimeProvider Time, ILogger Log);
