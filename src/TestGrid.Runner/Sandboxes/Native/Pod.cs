using System.Diagnostics;
using System.Globalization;

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
internal sealed class Pod : IAsyncDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(5);
    private readonly Process unshare;
    private readonly TimeProvider time;
    private Process? network;

    private Pod(Process unshare, int firstProcess, string folder, ControlGroup group, TimeProvider time)
    {
        (this.unshare, FirstProcess, Folder, Group, this.time) = (unshare, firstProcess, folder, group, time);
    }

    /// <summary>The first process, as the host numbers it. It is ours until <see cref="DisposeAsync"/> returns.</summary>
    public int FirstProcess { get; }

    /// <summary>The pod's folder on the host, seen inside at <see cref="PodFiles.InPod"/>.</summary>
    public string Folder { get; }

    public ControlGroup Group { get; }

    /// <summary>It has not ended of itself: the kernel may end it for memory.</summary>
    public bool Lives => !unshare.HasExited;

    /// <param name="folder">Holds what <see cref="PodFiles"/> wrote.</param>
    /// <exception cref="SandboxException">The machine refused a step; the message is that step's.</exception>
    public static async Task<Pod> StartAsync(
        string folder,
        SandboxSpec spec,
        ControlGroup group,
        SandboxOptions options,
        TimeProvider time,
        CancellationToken stop
    )
    {
        using var limit = new CancellationTokenSource(StartTime, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        var opened = spec.Mounts.Select(mount => mount.Source).Prepend(spec.RootPath).Prepend(folder).ToList();
        // Only bash opens files beyond number 9.
        var shell = opened.Count <= 7 ? "sh" : "bash";
        var unshare = ChildProgram.Start(
            group.JoinFiles,
            [
                "unshare",
                "--user",
                "--mount",
                "--pid",
                "--net",
                "--ipc",
                "--cgroup",
                "--fork",
                "--keep-caps",
                "--propagation",
                "private",
                shell,
                "-c",
                FirstStage(opened.Count),
                shell,
                SecondStage(opened.Count, spec),
                .. opened,
            ]
        );
        Pod? pod = null;
        Task<Process>? connecting = null;
        try
        {
            await ExpectAsync(unshare, "namespaces", both.Token);
            pod = new Pod(unshare, ChildOf(unshare.Id), folder, group, time);
            await pod.MapIdsAsync(options, both.Token);
            // Beside the mounts: neither needs the other, and the packet filter stands before the pod is ready.
            if (spec.Network is SandboxNetwork.Egress)
                connecting = Egress.StartAsync(pod.FirstProcess, group, both.Token);
            await unshare.StandardInput.WriteAsync("go\n".AsMemory(), both.Token);
            await unshare.StandardInput.FlushAsync(both.Token);
            await ExpectAsync(unshare, "ready", both.Token);
            if (connecting is not null)
                pod.network = await connecting;
            return pod;
        }
        catch (Exception e)
        {
            if (connecting is not null)
                await connecting.ContinueWith(_ => { }, TaskScheduler.Default); // or it would outlive the pod unseen
            if (pod is not null && connecting is { IsCompletedSuccessfully: true })
                pod.network = await connecting;
            if (pod is not null)
                await pod.DisposeAsync();
            else
                unshare.Dispose();
            if (e is OperationCanceledException && !stop.IsCancellationRequested)
                throw new SandboxException($"Sandbox {spec.Name} was not ready after {StartTime.TotalSeconds:0} s.", e);
            throw;
        }
    }

    /// <summary>The words that run a program inside the pod, as its root.</summary>
    public IEnumerable<string> Enter(params IEnumerable<string> argv) =>
        [
            "nsenter",
            $"--target={FirstProcess}",
            "--user",
            "--mount",
            "--pid",
            "--net",
            "--ipc",
            "--cgroup",
            "--",
            .. argv,
        ];

    /// <summary>Ends everything in it. Returns when nothing is left. Never throws.</summary>
    public async Task EndAsync()
    {
        EndLifeline();
        try
        {
            using var limit = new CancellationTokenSource(EndTime, time);
            await unshare.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            // unshare has not reaped it, so the number is still its own.
            Posix.Kill(FirstProcess, Posix.Sigkill);
            await unshare.WaitForExitAsync(CancellationToken.None);
        }
        if (network is { HasExited: false })
        {
            Posix.Kill(network.Id, Posix.Sigkill);
            await network.WaitForExitAsync(CancellationToken.None);
        }
    }

    /// <summary>Ends it, if it has not been, and gives its pipes back. Nobody may ask it anything afterwards.</summary>
    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        unshare.Dispose();
        network?.Dispose();
    }

    private void EndLifeline()
    {
        try
        {
            unshare.StandardInput.Close();
        }
        catch (IOException) { } // it was gone before
    }

    // As the runner's id, which has no name inside: all capabilities in the new namespaces, none outside. One `exec` for
    // each file: bash keeps copies of its own beyond number 9 while it works through one.
    private static string FirstStage(int opened)
    {
        var opens = string.Join("; ", Enumerable.Range(0, opened).Select(i => $"exec {3 + i}<\"${{{2 + i}}}\""));
        return $"{opens}; echo namespaces; read go || exit; "
            + "exec setpriv --reuid 0 --regid 0 --clear-groups sh -c \"$1\"";
    }

    // As the pod's root. The job gets no user namespaces of its own: they are where kernels break.
    private static string SecondStage(int opened, SandboxSpec spec)
    {
        var closing = string.Join(' ', Enumerable.Range(3, Math.Min(opened, 7)).Select(i => $"{i}<&-"));
        var filter = spec.Network is SandboxNetwork.Egress ? $" && nft -f {PodFiles.InPod}/nft" : "";
        return "umask 022; mount -c -a -T /proc/self/fd/3/fstab1"
            + $" && tar -xpf {PodFiles.InPod}/skeleton.tar --numeric-owner -C {PodFiles.InPod}/t"
            + $" && mount -c -a -T {PodFiles.InPod}/fstab2 && ip link set lo up{filter}"
            + " && echo 0 >/proc/sys/user/max_user_namespaces && echo ready || exit 1;"
            + $" exec {closing}; read end";
    }

    private async Task MapIdsAsync(SandboxOptions options, CancellationToken stop)
    {
        var (first, count) = (options.FirstId, SandboxOptions.IdCount);
        if (Posix.UserId == 0)
        {
            foreach (var map in new[] { "uid_map", "gid_map" })
                await File.WriteAllTextAsync($"/proc/{FirstProcess}/{map}", $"0 {first} {count}", stop);
            return;
        }
        foreach (var (program, list) in new[] { ("newuidmap", "/etc/subuid"), ("newgidmap", "/etc/subgid") })
        {
            var (exit, said) = await ChildProgram.RunAsync(
                [program, $"{FirstProcess}", "0", $"{first}", $"{count}"],
                stop
            );
            if (exit != 0)
                throw new SandboxException(
                    $"{program} refused the ids from {first} on: {said} "
                        + $"Add '{Environment.UserName}:{first}:{count}' to {list}."
                );
        }
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

    private static async Task ExpectAsync(Process unshare, string word, CancellationToken stop)
    {
        if (await unshare.StandardOutput.ReadLineAsync(stop) == word)
            return;
        var said = (await unshare.StandardError.ReadToEndAsync(stop)).Trim();
        throw new SandboxException(
            $"No {word}: {(said.Length > 0 ? said : "the first process ended without a word")}."
        );
    }
}
