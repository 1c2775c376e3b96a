using System.Buffers;
using System.IO.Pipelines;
using Docker.DotNet;
using Docker.DotNet.Models;
using Microsoft.Extensions.Logging;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>What a sandbox consists of in the daemon.</summary>
/// <param name="Container">The container's id.</param>
/// <param name="Network">Its own network's id, or null.</param>
/// <param name="Lifeline">The connection that keeps it alive.</param>
/// <param name="Use">Tells what it uses.</param>
internal sealed record DockerParts(string Container, string? Network, MultiplexedStream Lifeline, DockerUse Use);

/// <summary>One container and the commands run in it.</summary>
internal sealed partial class DockerSandbox(
    SandboxSpec spec,
    DockerParts parts,
    DockerDaemon daemon,
    DockerNetworks networks,
    TimeProvider time,
    ILogger log
) : OrderlySandbox(spec.Name)
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);

    private readonly BundleTree tree = new(spec.RootPath, 0);

    /// <summary>Kills and removes a container; one that is gone, or going, is no error.</summary>
    internal static Task RemoveContainerAsync(DockerDaemon daemon, string container) =>
        daemon.ForgetAsync(
            "remove a container",
            docker =>
                docker.Containers.RemoveContainerAsync(
                    container,
                    new ContainerRemoveParameters { Force = true, RemoveVolumes = true },
                    CancellationToken.None
                )
        );

    protected override async Task<SandboxExit> RunOneAsync(
        SandboxCommand command,
        PipeWriter output,
        CancellationToken polite
    )
    {
        var words = DockerCommand.Words(command, tree.FindUser(command.User));
        if (polite.IsCancellationRequested)
            return new SandboxExit(Terminated);
        var kills = await parts.Use.CountOomKillsAsync();
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
            var feeding = FeedAsync(stream, command);
            var watching = parts.Use.MustBeWatched ? WatchDiskAsync(over.Task) : Task.CompletedTask;
            await using (polite.UnsafeRegister(_ => asked = AskToEndAsync(exec, over.Task), null))
            {
                await CopyAsync(stream, output);
                over.SetResult();
            }
            await Task.WhenAll(feeding, asked, watching);
        }
        var code = await ExitCodeAsync(exec);
        if (Ended.IsCancellationRequested)
            return new SandboxExit(code ?? Killed);
        var outOfMemory = await parts.Use.CountOomKillsAsync() > kills;
        return new SandboxExit(code ?? Killed, outOfMemory, await parts.Use.LookAsync());
    }

    private async Task<(string Exec, MultiplexedStream Stream)> StartAsync(ContainerExecCreateParameters parameters)
    {
        var exec = await daemon.AskAsync(
            "prepare a command",
            docker => docker.Exec.ExecCreateContainerAsync(parts.Container, parameters, Ended)
        );
        var stream = await daemon.AskAsync(
            "start a command",
            docker => docker.Exec.StartAndAttachContainerExecAsync(exec.ID, parameters.Tty, Ended)
        );
        return (exec.ID, stream);
    }

    private async Task FeedAsync(MultiplexedStream stream, SandboxCommand command)
    {
        try
        {
            if (command.Input is not { } bytes)
                return; // a terminal at which nobody types, not even an end: sudo would echo that
            await stream.WriteAsync(bytes.ToArray(), 0, bytes.Length, Ended);
            if (command.Tty)
                await stream.WriteAsync([EndKey], 0, 1, Ended);
            else
                stream.CloseWrite();
        }
        catch (IOException) { } // it ended before it had read all: its right
        catch (OperationCanceledException) { }
    }

    // Reads no faster than the reader of `output` takes: the daemon's pipe fills and the command waits.
    private async Task CopyAsync(MultiplexedStream from, PipeWriter output)
    {
        var wanted = true;
        var buffer = ArrayPool<byte>.Shared.Rent(65536);
        try
        {
            while (true)
            {
                var read = await from.ReadOutputAsync(buffer, 0, buffer.Length, Ended);
                if (read.EOF)
                    return;
                if (!wanted)
                    continue;
                output.Write(buffer.AsSpan(0, read.Count));
                wanted = !(await output.FlushAsync(Ended)).IsCompleted;
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
        while (!Ended.IsCancellationRequested)
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
                if (await parts.Use.IsOverAsync())
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
                    parts.Container,
                    new ContainerKillParameters { Signal = "KILL" },
                    CancellationToken.None
                )
        );

    // To all processes but the container's first one, until there is one that it reaches. Not before the command has
    // its number: the signal would end the daemon's own way into the container, and that is told as its failure.
    private async Task AskToEndAsync(string command, Task over)
    {
        try
        {
            while (!over.IsCompleted)
            {
                if (await LookAtAsync(command) is { Pid: > 0 } && await AskOnceAsync())
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

    private async Task<bool> AskOnceAsync()
    {
        var parameters = new ContainerExecCreateParameters
        {
            Cmd = DockerCommand.Ask,
            User = "0:0",
            AttachStdout = true,
            AttachStderr = true,
        };
        var (exec, stream) = await StartAsync(parameters);
        using (stream)
            await stream.ReadOutputToEndAsync(Ended);
        return await ExitCodeAsync(exec) == 0;
    }

    protected override async Task EndAsync(Task running)
    {
        try
        {
            parts.Lifeline.Dispose();
            await RemoveContainerAsync(daemon, parts.Container);
            await Task.WhenAny(running); // it ends with the container, and still asks how
            if (parts.Network is { } network)
                await networks.RemoveAsync(network);
        }
        catch (Exception e)
        {
            // What is left is labelled, and the next start of a runner sweeps it.
            NotRemoved(log, e, spec.Name);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The command in sandbox {Sandbox} could not be asked to end")]
    private static partial void NotAsked(ILogger log, Exception cause, string sandbox);

    [LoggerMessage(LogLevel.Warning, "What sandbox {Sandbox} writes to the disk could not be watched to its end")]
    private static partial void NotWatched(ILogger log, Exception cause, string sandbox);

    [LoggerMessage(LogLevel.Error, "Sandbox {Sandbox} is not wholly removed; the next start sweeps it")]
    private static partial void NotRemoved(ILogger log, Exception cause, string sandbox);
}
