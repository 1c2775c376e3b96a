using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Channels;
using Docker.DotNet;
using Docker.DotNet.Models;
using Microsoft.Extensions.Logging;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>Runs commands in one container of a sandbox.</summary>
/// <param name="spec">What is seen there.</param>
/// <param name="container">Its id.</param>
/// <param name="use">Tells what it uses.</param>
/// <param name="tools">What it is done with.</param>
/// <param name="ended">The sandbox is disposed of: nobody waits for the command's words any more.</param>
internal sealed partial class DockerContainer(
    SandboxSpec spec,
    string container,
    DockerUse use,
    DockerTools tools,
    CancellationToken ended
)
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);

    private readonly BundleTree tree = new(spec.RootPath, 0);
    private readonly DockerDaemon daemon = tools.Daemon;
    private readonly TimeProvider time = tools.Time;
    private readonly ILogger log = tools.Log;

    /// <summary>As <see cref="Sandbox.RunAsync"/>.</summary>
    public async Task<SandboxExit> RunAsync(SandboxCommand command, PipeWriter output, CancellationToken polite)
    {
        var words = DockerCommand.Words(command, tree.FindUser(command.User));
        if (polite.IsCancellationRequested)
            return new SandboxExit(OrderlySandbox.Terminated);
        var kills = await use.CountOomKillsAsync();
        var parameters = new ContainerExecCreateParameters
        {
            Cmd = words,
            Env = [.. command.Env.Select(pair => $"{pair.Key}={pair.Value}")],
            User = "0:0", // it becomes the command's user itself, and can end what that one leaves behind
            WorkingDir = command.Folder,
            Tty = command.Tty,
            AttachStdin = command.Tty || command.Input is not null,
            AttachStdout = true,
            AttachStderr = true,
        };
        var (exec, stream) = await StartAsync(parameters);
        using (stream)
        {
            var over = new TaskCompletionSource();
            var asked = Task.CompletedTask;
            var feeding = FeedAsync(exec, stream, command, over.Task);
            var watching = use.MustBeWatched ? WatchDiskAsync(over.Task) : Task.CompletedTask;
            await using (polite.UnsafeRegister(_ => asked = AskToEndAsync(exec, command, over.Task), null))
            {
                await CopyAsync(stream, output);
                over.SetResult();
            }
            await Task.WhenAll(feeding, asked, watching);
        }
        var code = await ExitCodeAsync(exec);
        if (ended.IsCancellationRequested)
            return new SandboxExit(code ?? OrderlySandbox.Killed);
        var outOfMemory = await use.CountOomKillsAsync() > kills;
        return new SandboxExit(code ?? OrderlySandbox.Killed, outOfMemory, await use.LookAsync());
    }

    private async Task<(string Exec, MultiplexedStream Stream)> StartAsync(ContainerExecCreateParameters parameters)
    {
        var exec = await daemon.AskAsync(
            "prepare a command",
            docker => docker.Exec.ExecCreateContainerAsync(container, parameters, ended)
        );
        var stream = await daemon.AskAsync(
            "start a command",
            docker => docker.Exec.StartAndAttachContainerExecAsync(exec.ID, parameters.Tty, ended)
        );
        return (exec.ID, stream);
    }

    private async Task FeedAsync(string exec, MultiplexedStream stream, SandboxCommand command, Task over)
    {
        try
        {
            if (command.Keyboard is { } keyboard)
            {
                await TypeAsync(exec, stream, keyboard, over);
                await AskToEndAsync(exec, command, over);
                return;
            }
            if (command.Input is not { } bytes)
                return; // a terminal at which nobody types, not even an end: sudo would echo that
            await stream.WriteAsync(bytes.ToArray(), 0, bytes.Length, ended);
            if (command.Tty)
                await stream.WriteAsync([OrderlySandbox.EndKey], 0, 1, ended);
            else
                stream.CloseWrite();
        }
        catch (Exception e) when (e is IOException or SandboxException) { } // it ended before it had read all: its right
        catch (OperationCanceledException) { }
    }

    // Until the command is over, or nobody types any more.
    private async Task TypeAsync(string exec, MultiplexedStream stream, ChannelReader<Stroke> keyboard, Task over)
    {
        while (true)
        {
            var more = keyboard.WaitToReadAsync(ended).AsTask();
            if (await Task.WhenAny(more, over) == over || !await more)
                return;
            while (keyboard.TryRead(out var stroke))
            {
                if (stroke.Size is { } size)
                    await ResizeAsync(exec, size.Usable);
                var bytes = stroke.Typed.ToArray();
                await stream.WriteAsync(bytes, 0, bytes.Length, ended);
            }
        }
    }

    private Task ResizeAsync(string exec, TerminalSize size) =>
        daemon.ForgetAsync(
            "give a terminal another size",
            docker =>
                docker.Exec.ResizeContainerExecTtyAsync(
                    exec,
                    new ContainerResizeParameters { Height = size.Rows, Width = size.Columns },
                    ended
                )
        );

    // Reads no faster than the reader of `output` takes: the daemon's pipe fills and the command waits.
    private async Task CopyAsync(MultiplexedStream from, PipeWriter output)
    {
        var wanted = true;
        var buffer = ArrayPool<byte>.Shared.Rent(65536);
        try
        {
            while (true)
            {
                var read = await from.ReadOutputAsync(buffer, 0, buffer.Length, ended);
                if (read.EOF)
                    return;
                if (!wanted)
                    continue;
                output.Write(buffer.AsSpan(0, read.Count));
                wanted = !(await output.FlushAsync(ended)).IsCompleted;
            }
        }
        catch (IOException) { } // the daemon went away
        catch (OperationCanceledException) { }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Null when the container was killed with the command in it.
    private async Task<int?> ExitCodeAsync(string exec)
    {
        while (!ended.IsCancellationRequested)
        {
            if (await LookAtAsync(exec) is not { } found)
                return null;
            if (!found.Running)
                return (int)found.ExitCode;
            // Its output ended a moment before it did.
            await Task.Delay(Moment, time, CancellationToken.None);
        }
        return null;
    }

    private Task<ContainerExecInspectResponse?> LookAtAsync(string exec) =>
        daemon.FindAsync(
            "tell how a command does",
            docker => docker.Exec.InspectContainerExecAsync(exec, CancellationToken.None)
        );

    // Looks as often as looking is cheap: at a large tree it takes a while.
    private async Task WatchDiskAsync(Task over)
    {
        var pause = LookEvery;
        try
        {
            while (await Task.WhenAny(over, Task.Delay(pause, time, CancellationToken.None)) != over)
            {
                var begun = time.GetTimestamp();
                if (await use.IsOverAsync())
                {
                    await KillAsync();
                    return;
                }
                pause = TimeSpan.FromTicks(Math.Max(LookEvery.Ticks, 9 * time.GetElapsedTime(begun).Ticks));
            }
        }
        catch (Exception e) when (e is SandboxException or IOException)
        {
            if (!over.IsCompleted)
                NotWatched(log, e, spec.Name);
        }
        catch (OperationCanceledException) { }
    }

    // The kernel's own way: a process of ours inside needs a place in the job's number of processes, and it may have
    // taken all. The container ends with its first process.
    private Task KillAsync() =>
        daemon.ForgetAsync(
            "end a container",
            docker =>
                docker.Containers.KillContainerAsync(
                    container,
                    new ContainerKillParameters { Signal = "KILL" },
                    CancellationToken.None
                )
        );

    // To all processes but the container's first one, until there is one that it reaches. Not before the command has
    // its number: the signal would end the daemon's own way into the container, and that is told as its failure.
    private async Task AskToEndAsync(string exec, SandboxCommand command, Task over)
    {
        try
        {
            while (!over.IsCompleted)
            {
                if (await LookAtAsync(exec) is { Pid: > 0 } && await AskOnceAsync(command))
                    return;
                await Task.WhenAny(over, Task.Delay(Moment, time, CancellationToken.None));
            }
        }
        catch (Exception e) when (e is SandboxException or IOException)
        {
            if (!over.IsCompleted)
                NotAsked(log, e, spec.Name);
        }
        catch (OperationCanceledException) { }
    }

    private async Task<bool> AskOnceAsync(SandboxCommand command)
    {
        var parameters = new ContainerExecCreateParameters
        {
            Cmd = DockerCommand.Ask(command),
            User = "0:0",
            AttachStdout = true,
            AttachStderr = true,
        };
        var (exec, stream) = await StartAsync(parameters);
        using (stream)
            await stream.ReadOutputToEndAsync(ended);
        return await ExitCodeAsync(exec) == 0;
    }

    [LoggerMessage(LogLevel.Warning, "The command in sandbox {Sandbox} could not be asked to end")]
    private static partial void NotAsked(ILogger log, Exception cause, string sandbox);

    [LoggerMessage(LogLevel.Warning, "What sandbox {Sandbox} writes to the disk could not be watched to its end")]
    private static partial void NotWatched(ILogger log, Exception cause, string sandbox);
}

/// <summary>What the docker engine runs containers with.</summary>
internal sealed record DockerTools(DockerDaemon Daemon, TimeProvider Time, ILogger Log);
