using System.Diagnostics;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>Runs commands in one place of a pod, each as a container.</summary>
/// <param name="spec">The sandbox.</param>
/// <param name="pod">Its pod.</param>
/// <param name="place">Where.</param>
/// <param name="tree">The tree that is seen there.</param>
/// <param name="tools">What it is done with.</param>
/// <param name="ended">The sandbox is disposed of: nobody waits for the command's words any more.</param>
internal sealed class NativeContainer(
    SandboxSpec spec,
    Pod pod,
    ContainerPlace place,
    BundleTree tree,
    NativeTools tools,
    CancellationToken ended
)
{
    private readonly ContainerRuntime runtime = tools.Runtime;

    /// <summary>As <see cref="Sandbox.RunAsync"/>.</summary>
    public async Task<SandboxExit> RunAsync(SandboxCommand command, PipeWriter output, CancellationToken polite)
    {
        var plan = new ContainerPlan(
            command,
            place.Root,
            spec.HostName,
            tree.FindUser(command.User),
            Walls.SharedMemoryBytes(spec.Limits),
            pod.Group.Counts("pids.max") ? 0 : spec.Limits.Processes
        );
        if (polite.IsCancellationRequested)
            return new SandboxExit(OrderlySandbox.Terminated);
        if (!pod.Lives)
            throw new SandboxException($"Sandbox {spec.Name} has ended: the kernel killed it.");

        var kills = pod.Group.CountOomKills();
        using var console = command.Tty && runtime.HandsOverTerminals ? ConsoleSocket.Listen(pod.Folder) : null;
        using var process = place == ContainerPlace.Job ? pod.TakeDoor() : runtime.OpenDoor(pod, place);
        var watch = runtime.Watch(process, pod, place, tools);
        try
        {
            var exited = process.WaitForExitAsync(CancellationToken.None);
            var copying = console is not null
                ? CopyTerminalAsync(console, watch, exited, command, output)
                : CopyAsync(process.StandardOutput.BaseStream, output);
            var feeding = FeedAsync(process, watch, plan, console is not null, exited);
            var asked = Task.CompletedTask;
            await using (
                polite.UnsafeRegister(_ => asked = AskToEndAsync(watch, exited, command, console is null), null)
            )
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
        if (code != 0 && !outOfMemory && pod.Lives && !ended.IsCancellationRequested && !await watch.HasStartedAsync())
            throw await NotStartedAsync(watch);
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

    private async Task FeedAsync(
        Process process,
        ContainerWatch watch,
        ContainerPlan plan,
        bool handedOver,
        Task exited
    )
    {
        var command = plan.Command;
        var input = handedOver ? null : command.Input;
        var stream = process.StandardInput.BaseStream;
        try
        {
            await stream.WriteAsync(runtime.Order(plan, inputFollows: input is not null), ended);
            if (input is { } bytes)
                await stream.WriteAsync(bytes, ended);
            if (!handedOver && command.Keyboard is not null)
                await TypeAsync(watch, command, stream, null, exited); // its window keeps its size
            // A terminal that `script` makes reads here: an end would be typed into it.
            if (handedOver || !command.Tty || input is not null)
                process.StandardInput.Close();
        }
        catch (IOException) { } // it ended before it had read all: its right
        catch (OperationCanceledException) { }
    }

    private async Task CopyTerminalAsync(
        ConsoleSocket console,
        ContainerWatch watch,
        Task exited,
        SandboxCommand command,
        PipeWriter output
    )
    {
        await using var terminal = await console.AcceptAsync(exited, ended);
        if (terminal is null)
            return; // the runtime failed before it made one; its log says why
        // Without input nothing is typed, not even an end: sudo would take it for a key and echo it as ^@.
        if (command.Input is { } bytes)
            await terminal.WriteAsync(new ReadOnlyMemory<byte>([.. bytes.Span, OrderlySandbox.EndKey]), ended);
        var typing = command.Keyboard is null
            ? Task.CompletedTask
            : TypeAsync(watch, command, terminal, terminal, exited);
        await CopyAsync(terminal, output);
        await typing;
    }

    // Until the command is over, or nobody types any more: then its terminal hangs up.
    private async Task TypeAsync(
        ContainerWatch watch,
        SandboxCommand command,
        Stream keys,
        FileStream? window,
        Task exited
    )
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
        await AskToEndAsync(watch, exited, command, window is null);
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

    // An interactive shell does not hear SIGTERM.
    private static Task AskToEndAsync(ContainerWatch watch, Task exited, SandboxCommand command, bool inScript) =>
        watch.AskToEndAsync(command.Keyboard is not null, command.Tty && inScript, exited);

    // No container came to be.
    private async Task<SandboxException> NotStartedAsync(ContainerWatch watch) =>
        new(
            $"{runtime.Name} could not start the command: "
                + (await watch.ComplaintAsync() is { Length: > 0 } said ? said : "it does not say why")
        );
}

/// <summary>What the native engine runs containers with.</summary>
internal sealed record NativeTools(ContainerRuntime Runtime, TimeProvider Time, ILogger Log);
