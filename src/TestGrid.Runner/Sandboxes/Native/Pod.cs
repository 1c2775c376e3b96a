using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// One set of namespaces (user, mount, PID, network, IPC, control group), the in-memory file system that a sandbox
/// writes to, and the first process in it, which does nothing but read from a pipe that we hold: its lifeline.
/// </summary>
/// <remarks>
/// Theory of operation. When the pipe ends (we close it, we crash, we are killed: the kernel closes it) the first
/// process ends, and the kernel kills everything in its PID namespace, nested namespaces included. Mounts, network and
/// shared memory belong to the namespaces and go with them. PDEATHSIG would not do: it watches the parent *thread*, and
/// .NET retires its threads. The id map is written by us, not by the launcher, so that root and an ordinary user take
/// the same way. What is said on the pipe, and answered, stands in <c>launcher/pod.c</c>.
/// </remarks>
internal sealed partial class Pod : IAsyncDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RemoveTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(3);
    private readonly Process launcher;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly ContainerRuntime runtime;
    private Process? network;
    private Process? door;

    private Pod(Process launcher, PodPlan plan, TimeProvider time, ILogger log) =>
        (this.launcher, Folder, Group, runtime, this.time, this.log) = (
            launcher,
            plan.Folder,
            plan.Group,
            plan.Runtime,
            time,
            log
        );

    /// <summary>The first process, as the host numbers it. It is ours until the pod is disposed.</summary>
    public int FirstProcess { get; private set; }

    /// <summary>The pod's folder on the host, seen inside at <see cref="PodFiles.InPod"/>.</summary>
    public string Folder { get; }

    public string Name => Path.GetFileName(Folder);

    public ControlGroup Group { get; }

    /// <summary>It has not ended of itself: the kernel may end it for memory.</summary>
    public bool Lives => !launcher.HasExited;

    /// <summary>It lives, and so does the program that is its way out: what waits long may lose either.</summary>
    public bool IsWhole => Lives && network is not { HasExited: true };

    /// <summary>Starts its first process. It is the caller's to dispose of from then on.</summary>
    /// <exception cref="SandboxException">No process can be started.</exception>
    public static Pod Start(PodPlan plan, TimeProvider time, ILogger log)
    {
        var launcher = ChildProgram.Start(
            [],
            [
                OwnLauncher.Find().FullPath,
                "pod",
                plan.Folder,
                plan.Network is SandboxNetwork.Egress ? "filtered" : "closed",
                .. plan.Group.JoinFiles,
            ]
        );
        return new Pod(launcher, plan, time, log);
    }

    /// <summary>Waits until its namespaces and network are there: what does not depend on the job.</summary>
    /// <returns>This.</returns>
    /// <exception cref="SandboxException">The machine refused a step; the message is that step's, and it is disposed of.</exception>
    public Task<Pod> WaitAsync(SandboxNetwork wanted, int firstId, CancellationToken stop) =>
        StepAsync(
            async limited =>
            {
                FirstProcess = int.Parse(await ExpectAsync("namespaces", limited), CultureInfo.InvariantCulture);
                await IdMap.WriteAsync(FirstProcess, firstId, limited);
                var attaching =
                    wanted is SandboxNetwork.Egress ? Egress.StartAsync(FirstProcess, Group, limited) : null;
                try
                {
                    await SayAsync("go\n", limited);
                    door = runtime.OpenDoor(this, ContainerPlace.Job);
                    await ExpectAsync("prepared", limited);
                }
                finally
                {
                    if (attaching is not null)
                        network = await attaching;
                }
            },
            stop
        );

    /// <summary>Gives it the job's file systems.</summary>
    /// <param name="orders">Of <see cref="PodFurniture"/>.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="SandboxException">The machine refused a step; the message is that step's.</exception>
    public Task FurnishAsync(byte[] orders, CancellationToken stop) =>
        StepAsync(
            async limited =>
            {
                await SayAsync($"{orders.Length}\n", limited);
                await launcher.StandardInput.BaseStream.WriteAsync(orders, limited);
                await ExpectAsync("ready", limited);
            },
            stop
        );

    /// <summary>The words that run a program inside the pod, as its root.</summary>
    public IEnumerable<string> Enter(params IEnumerable<string> argv) =>
        ["nsenter", $"--target={FirstProcess}", .. "--user --mount --pid --net --ipc --cgroup --".Split(' '), .. argv];

    /// <summary>
    /// A process that stands inside, in the pod's control group, and waits on its standard input for what to do. The
    /// first is there already: joining a group takes longest of all that a command's start needs. It is the caller's.
    /// </summary>
    public Process TakeDoor()
    {
        if (Interlocked.Exchange(ref door, null) is not { } ready)
            return runtime.OpenDoor(this, ContainerPlace.Job);
        if (!ready.HasExited)
            return ready;
        ready.Dispose();
        return runtime.OpenDoor(this, ContainerPlace.Job);
    }

    /// <summary>How much its in-memory file system holds, and whether that is all it can; null when it is gone.</summary>
    public (long? Bytes, bool Full) LookAtDisk() =>
        Lives && Posix.LookAtSpace($"/proc/{FirstProcess}/root{PodFiles.InPod}/t") is { } space
            ? (space.UsedBytes, space.FreeBytes < 64 << 10 || space.FreeFiles < 16)
            : (null, false);

    /// <summary>Ends everything in it. Returns when nothing is left. Never throws.</summary>
    public async Task EndAsync()
    {
        EndLifeline();
        if (network is { HasExited: false })
            Posix.Kill(network.Id, Posix.Sigkill);
        try
        {
            using var limit = new CancellationTokenSource(EndTime, time);
            await launcher.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            // The launcher has not reaped it, so the number is still its own. Without one it is the launcher that hangs.
            Posix.Kill(FirstProcess > 0 ? FirstProcess : launcher.Id, Posix.Sigkill);
            await launcher.WaitForExitAsync(CancellationToken.None);
        }
        foreach (var helper in new[] { network, door })
        {
            if (helper is not null)
                await helper.WaitForExitAsync(CancellationToken.None);
        }
    }

    /// <summary>Lets go of the lifeline and waits for nothing.</summary>
    public void EndLifeline()
    {
        try
        {
            launcher.StandardInput.Close();
        }
        catch (IOException) { } // it was gone before
    }

    /// <summary>Ends it and removes every trace. Nobody may ask it anything afterwards. Never throws.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await EndAsync();
            launcher.Dispose();
            network?.Dispose();
            door?.Dispose();
            if (await RemoveGroupAsync())
                StateFolder.RemovePod(Folder);
            else
                LeftBehind(log, Folder);
        }
        catch (Exception e)
        {
            // What is left is noted in the state folder, and the next start of a runner sweeps it.
            NotRemoved(log, e, Folder);
        }
    }

    private async Task<Pod> StepAsync(Func<CancellationToken, Task> step, CancellationToken stop)
    {
        using var limit = new CancellationTokenSource(StartTime, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        try
        {
            await step(both.Token);
            return this;
        }
        catch (Exception e)
        {
            await DisposeAsync();
            if (e is OperationCanceledException && !stop.IsCancellationRequested)
                throw new SandboxException($"Pod {Name} was not ready after {StartTime.TotalSeconds:0} s.", e);
            if (e is IOException or UnauthorizedAccessException)
                throw new SandboxException($"Pod {Name} cannot be made: {e.Message}", e);
            throw;
        }
    }

    private async Task SayAsync(string words, CancellationToken stop)
    {
        await launcher.StandardInput.WriteAsync(words.AsMemory(), stop);
        await launcher.StandardInput.FlushAsync(stop);
    }

    // What stands behind the word.
    private async Task<string> ExpectAsync(string word, CancellationToken stop)
    {
        if (
            await launcher.StandardOutput.ReadLineAsync(stop) is { } line
            && line.StartsWith(word, StringComparison.Ordinal)
        )
            return line[word.Length..].Trim();
        var said = (await launcher.StandardError.ReadToEndAsync(stop)).Trim();
        if (said.Length > 0)
            throw new SandboxException($"The pod is not {word}: {said}.");
        // Killed, and so no step that the machine refused: who took it while it waited may take another.
        var words = $"The pod is not {word}: its first process ended without a word.";
        throw new SandboxException(words, new EndOfStreamException());
    }

    private async Task<bool> RemoveGroupAsync()
    {
        var first = time.GetTimestamp();
        while (!ControlGroup.TryRemove(Group.Folders))
        {
            if (time.GetElapsedTime(first) > RemoveTime)
                return false;
            ControlGroup.KillAll(Group.Folders);
            await Task.Delay(Moment, time, CancellationToken.None);
        }
        return true;
    }

    [LoggerMessage(LogLevel.Error, "{Folder} is not wholly removed; the next start sweeps it")]
    private static partial void NotRemoved(ILogger log, Exception cause, string folder);

    [LoggerMessage(LogLevel.Warning, "The control groups of {Folder} stay busy; the next start sweeps them")]
    private static partial void LeftBehind(ILogger log, string folder);
}
