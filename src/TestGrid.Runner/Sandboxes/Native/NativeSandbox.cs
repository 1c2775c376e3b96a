using System.Diagnostics;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>One pod and the commands run in it, each as a container of the OCI runtime.</summary>
internal sealed partial class NativeSandbox(
    SandboxSpec spec,
    Pod pod,
    BundleTree tree,
    OciRuntime runtime,
    TimeProvider time,
    ILogger log
) : Sandbox
{
    // Where the run ended without a word of the job's: the kernel killed it with the pod.
    private const int Killed = 128 + Posix.Sigkill;
    private const int Terminated = 128 + Posix.Sigterm;
    private static readonly TimeSpan RemoveTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource ended = new();
    private readonly Lock gate = new();
    private Task running = Task.CompletedTask;
    private Task? disposing;

    public override async ValueTask<SandboxExit> RunAsync(
        SandboxCommand command,
        PipeWriter output,
        CancellationToken polite
    )
    {
        Task<SandboxExit> run;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposing is not null, this);
            if (!running.IsCompleted)
                throw new InvalidOperationException($"Sandbox {spec.Name} runs a command already.");
            running = run = RunOneAsync(command, output, polite);
        }
        return await run;
    }

    public override async ValueTask DisposeAsync()
    {
        Task task;
        lock (gate)
            task = disposing ??= DisposeOnceAsync();
        await task;
    }

    private async Task<SandboxExit> RunOneAsync(SandboxCommand command, PipeWriter output, CancellationToken polite)
    {
        var config = OciConfig.For(
            command,
            runtime.HandsOverTerminals,
            tree.FindUser(command.User),
            Math.Max(64 << 20, spec.Limits.MemoryBytes / 4)
        );
        if (polite.IsCancellationRequested)
            return new SandboxExit(Terminated);
        if (!pod.Lives)
            throw new SandboxException($"Sandbox {spec.Name} has ended: the kernel killed it.");

        var kills = pod.Group.CountOomKills();
        File.Delete(PidFile);
        using var console = command.Tty && runtime.HandsOverTerminals ? ConsoleSocket.Listen(pod.Folder) : null;
        using var process = ChildProgram.Start(pod.Group.JoinFiles, Words(config.Length, console is not null));
        try
        {
            var exited = process.WaitForExitAsync(CancellationToken.None);
            var copying = console is not null
                ? CopyTerminalAsync(console, exited, command.Input, output)
                : CopyAsync(process.StandardOutput.BaseStream, output);
            var feeding = FeedAsync(process, config, console is not null ? null : command.Input);
            var asked = Task.CompletedTask;
            await using (polite.UnsafeRegister(_ => asked = AskToEndAsync(exited), null))
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
        if (code != 0 && !outOfMemory && !ended.IsCancellationRequested)
            await ThrowRuntimesOwnErrorAsync();
        return new SandboxExit(pod.Lives && !ended.IsCancellationRequested ? code : Killed, outOfMemory);
    }

    private string PidFile => Path.Combine(pod.Folder, PodFiles.PidFile);

    private string LogFile => Path.Combine(pod.Folder, PodFiles.Log);

    // The config comes through the pipe and lies in the pod's memory only: its environment may hold secrets.
    private IEnumerable<string> Words(int configBytes, bool tty) =>
        pod.Enter(
                "sh",
                "-c",
                $"exec 2>&1; head -c \"$1\" >{PodFiles.InPod}/t/bundle/config.json && shift && exec \"$@\"",
                "sh",
                $"{configBytes}"
            )
            .Concat(runtime.Run(tty));

    private async Task FeedAsync(Process process, ReadOnlyMemory<byte> config, ReadOnlyMemory<byte>? input)
    {
        var stream = process.StandardInput.BaseStream;
        try
        {
            await stream.WriteAsync(config, ended.Token);
            if (input is { } bytes)
                await stream.WriteAsync(bytes, ended.Token);
            process.StandardInput.Close();
        }
        catch (IOException) { } // it ended before it had read all: its right
        catch (OperationCanceledException) { }
    }

    private async Task CopyTerminalAsync(
        ConsoleSocket console,
        Task exited,
        ReadOnlyMemory<byte>? input,
        PipeWriter output
    )
    {
        await using var terminal = await console.AcceptAsync(exited, ended.Token);
        if (terminal is null)
            return; // the runtime failed before it made one; its log says why
        if (input is { } bytes)
            await terminal.WriteAsync(bytes, ended.Token);
        // What waits for a person's answer finds none.
        await terminal.WriteAsync(new byte[] { 4 }, ended.Token);
        await CopyAsync(terminal, output);
    }

    // Reads no faster than the reader of `output` takes: the pipe fills and the command waits.
    private async Task CopyAsync(Stream from, PipeWriter output)
    {
        var wanted = true;
        try
        {
            while (true)
            {
                var read = await from.ReadAsync(output.GetMemory(65536), ended.Token);
                if (read == 0)
                    return;
                output.Advance(read);
                wanted = wanted && !(await output.FlushAsync(ended.Token)).IsCompleted;
            }
        }
        catch (IOException) { } // EIO: how a terminal's end is told
        catch (OperationCanceledException) { }
    }

    // To all of the job's processes but the container's first one, which only waits: sent from inside their PID
    // namespace, so that no number can mean somebody else's process.
    private async Task AskToEndAsync(Task exited)
    {
        var first = time.GetTimestamp();
        do
        {
            if (File.Exists(PidFile))
                await AskOnceAsync();
            await Task.WhenAny(exited, Task.Delay(Moment, time, CancellationToken.None));
            // Again while it may just be starting: a signal that comes between the container's making and the job's
            // first instruction is lost.
        } while (!exited.IsCompleted && time.GetElapsedTime(first) < TimeSpan.FromMilliseconds(200));
    }

    private async Task AskOnceAsync()
    {
        const string Script =
            "read p <"
            + PodFiles.InPod
            + "/"
            + PodFiles.PidFile
            + "; exec nsenter --target=\"$p\" --pid -- sh -c 'kill -TERM -1'";
        var (exit, said) = await ChildProgram.RunAsync(pod.Enter("sh", "-c", Script), CancellationToken.None);
        if (exit != 0 && pod.Lives)
            NotAsked(log, spec.Name, said);
    }

    private async Task ThrowRuntimesOwnErrorAsync()
    {
        var said = (await File.ReadAllTextAsync(LogFile, CancellationToken.None)).Trim();
        if (said.Length == 0)
            return;
        await File.WriteAllTextAsync(LogFile, "", CancellationToken.None);
        throw new SandboxException($"{runtime.Name} could not start the command: {said}");
    }

    private async Task DisposeOnceAsync()
    {
        await ended.CancelAsync();
        try
        {
            await pod.EndAsync();
            await Task.WhenAny(running); // it ends with the pod, and still asks how
            await pod.DisposeAsync();
            if (await RemoveGroupAsync())
                StateFolder.RemovePod(pod.Folder);
            else
                LeftBehind(log, spec.Name, pod.Folder);
        }
        catch (Exception e)
        {
            // What is left is noted in the state folder, and the next start of a runner sweeps it.
            NotRemoved(log, e, spec.Name);
        }
        ended.Dispose();
    }

    private async Task<bool> RemoveGroupAsync()
    {
        var first = time.GetTimestamp();
        while (!ControlGroup.TryRemove(pod.Group.Folders))
        {
            if (time.GetElapsedTime(first) > RemoveTime)
                return false;
            ControlGroup.KillAll(pod.Group.Folders);
            await Task.Delay(Moment, time, CancellationToken.None);
        }
        return true;
    }

    [LoggerMessage(LogLevel.Warning, "The command in sandbox {Sandbox} could not be asked to end: {Said}")]
    private static partial void NotAsked(ILogger log, string sandbox, string said);

    [LoggerMessage(LogLevel.Error, "Sandbox {Sandbox} is not wholly removed; the next start sweeps it")]
    private static partial void NotRemoved(ILogger log, Exception cause, string sandbox);

    [LoggerMessage(
        LogLevel.Warning,
        "The control groups of sandbox {Sandbox} stay busy; {Folder} is left to the next start"
    )]
    private static partial void LeftBehind(ILogger log, string sandbox, string folder);
}
