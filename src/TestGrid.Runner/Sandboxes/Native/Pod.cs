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
/// .NET retires its threads. The id map is written by us, not by unshare, so that root and an ordinary user take the
/// same way. The shell opens the folders it needs before it becomes the pod's root, because that root is a stranger on
/// this machine and may not be able to walk to them.
/// </remarks>
internal sealed partial class Pod : IAsyncDisposable
{
    // In the shell that unshare starts, as the runner's id, which has no name inside: all capabilities in the new
    // namespaces, none outside. It takes its orders from the lifeline: «go» when the ids are mapped, then the paths to
    // open. $1 is Prepare, $2 and $3 are its files, $4 is Furnish. One `exec` for each file: bash keeps copies of its
    // own beyond number 9 while it works through one.
    private const string Main = """
        echo namespaces; read go || exit
        setpriv --reuid 0 --regid 0 --clear-groups sh -c "$1" <"$2" 3<"$3" || exit 1
        echo prepared; n=3
        while IFS= read -r path && [ "$path" ]; do eval "exec $n<\"\$path\"" || exit 1; n=$((n + 1)); done
        [ $n -gt 3 ] && exec setpriv --reuid 0 --regid 0 --clear-groups sh -c "$4"
        """;

    // As the pod's root. The job gets no user namespaces of its own: they are where kernels break.
    private const string Prepare =
        "mount -c -a -T /proc/self/fd/3 && echo 0 >/proc/sys/user/max_user_namespaces && ip link set lo up";

    private const string Filter = " && nft -f -";

    // As the pod's root. The last thing that it ever does is to wait for the lifeline's end.
    private const string Furnish =
        "umask 022; mount -c -a -T /proc/self/fd/3/fstab1"
        + $" && tar -xpf {PodFiles.InPod}/skeleton.tar --numeric-owner -C {PodFiles.InPod}/t"
        + $" && mount -c -a -T {PodFiles.InPod}/fstab2 && echo ready || exit 1;"
        + " exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; read end";

    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RemoveTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(3);
    private readonly Process unshare;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly ContainerRuntime runtime;
    private Process? network;
    private Process? door;

    private Pod(Process unshare, PodPlan plan, TimeProvider time, ILogger log) =>
        (this.unshare, Folder, Group, runtime, this.time, this.log) = (
            unshare,
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
    public bool Lives => !unshare.HasExited;

    /// <summary>It lives, and so does the program that is its way out: what waits long may lose either.</summary>
    public bool IsWhole => Lives && network is not { HasExited: true };

    /// <summary>Starts its first process. It is the caller's to dispose of from then on.</summary>
    /// <exception cref="SandboxException">No process can be started.</exception>
    public static Pod Start(PodPlan plan, TimeProvider time, ILogger log)
    {
        // Only bash opens files beyond number 9, and which mounts there will be is not known yet.
        var shell = ChildProgram.Search("bash") ?? "sh";
        var unshare = ChildProgram.Start(
            plan.Group.JoinFiles,
            [
                .. "unshare --user --mount --pid --net --ipc --cgroup --fork --keep-caps".Split(' '),
                "--propagation",
                "private",
                shell,
                "-c",
                Main,
                "pod",
                plan.Network is SandboxNetwork.Egress ? Prepare + Filter : Prepare,
                Path.Combine(plan.Folder, "nft"),
                Path.Combine(plan.Folder, "fstab0"),
                Furnish,
            ]
        );
        return new Pod(unshare, plan, time, log);
    }

    /// <summary>Waits until its namespaces and network are there: what does not depend on the job.</summary>
    /// <returns>This.</returns>
    /// <exception cref="SandboxException">The machine refused a step; the message is that step's, and it is disposed of.</exception>
    public Task<Pod> WaitAsync(SandboxNetwork wanted, int firstId, CancellationToken stop) =>
        StepAsync(
            async limited =>
            {
                await ExpectAsync("namespaces", limited);
                FirstProcess = ChildOf(unshare.Id);
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

    /// <summary>Gives it the job's file systems. <see cref="PodFiles.WriteAsync"/> has written their tables.</summary>
    /// <exception cref="SandboxException">The machine refused a step; the message is that step's.</exception>
    public Task FurnishAsync(SandboxSpec spec, CancellationToken stop)
    {
        var paths = PodFiles.Opened(Folder, spec);
        return StepAsync(
            async limited =>
            {
                await SayAsync(string.Join('\n', paths) + "\n\n", limited);
                await ExpectAsync("ready", limited);
            },
            stop
        );
    }

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
            await unshare.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            // unshare has not reaped it, so the number is still its own. Without one it is unshare that hangs.
            Posix.Kill(FirstProcess > 0 ? FirstProcess : unshare.Id, Posix.Sigkill);
            await unshare.WaitForExitAsync(CancellationToken.None);
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
            unshare.StandardInput.Close();
        }
        catch (IOException) { } // it was gone before
    }

    /// <summary>Ends it and removes every trace. Nobody may ask it anything afterwards. Never throws.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await EndAsync();
            unshare.Dispose();
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
        await unshare.StandardInput.WriteAsync(words.AsMemory(), stop);
        await unshare.StandardInput.FlushAsync(stop);
    }

    private async Task ExpectAsync(string word, CancellationToken stop)
    {
        if (await unshare.StandardOutput.ReadLineAsync(stop) == word)
            return;
        var said = (await unshare.StandardError.ReadToEndAsync(stop)).Trim();
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

    // Our child is unshare; it waits for the pod's first process, which is its only child.
    private static int ChildOf(int process) =>
        int.TryParse(
            File.ReadAllText($"/proc/{process}/task/{process}/children").AsSpan().Trim(),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var child
        )
            ? child
            : throw new SandboxException("The pod's first process ended at once.");

    [LoggerMessage(LogLevel.Error, "{Folder} is not wholly removed; the next start sweeps it")]
    private static partial void NotRemoved(ILogger log, Exception cause, string folder);

    [LoggerMessage(LogLevel.Warning, "The control groups of {Folder} stay busy; the next start sweeps them")]
    private static partial void LeftBehind(ILogger log, string folder);
}
