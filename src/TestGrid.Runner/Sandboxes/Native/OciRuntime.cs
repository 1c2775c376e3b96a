namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>The OCI runtime that starts containers inside a pod: crun or runc, or what speaks like them.</summary>
internal sealed class OciRuntime(string path, bool isCrun)
{
    private readonly string limits = isCrun ? "--cgroup-manager=disabled" : "--rootless=true";

    public string Name { get; } = Path.GetFileName(path);

    public string FullPath { get; } = path;

    /// <summary>
    /// crun 1.8 stops at the sight of version 1 and 2 side by side, so there it is shown neither; runc wants to see
    /// what there is.
    /// </summary>
    public bool HidesControlGroups { get; } = isCrun && ControlGroups.HostIsHybrid;

    /// <summary>
    /// It gives the terminal's master side to a socket and still waits for the container's end. runc does so only when
    /// it does not wait; there <c>script</c> from the bundle makes the terminal.
    /// </summary>
    public bool HandsOverTerminals { get; } = isCrun;

    /// <exception cref="SandboxException">There is none.</exception>
    public static OciRuntime Find(string wanted)
    {
        var names = wanted.Length > 0 ? [wanted] : new[] { "crun", "runc" };
        var path =
            names.Select(ChildProgram.Search).FirstOrDefault(found => found is not null)
            ?? throw new SandboxException(
                $"There is no OCI runtime ({string.Join(" or ", names)}). Install one: apt-get install crun"
            );
        return new OciRuntime(path, Path.GetFileName(path).StartsWith("crun", StringComparison.Ordinal));
    }

    /// <summary>It takes its config from any file, a pipe too; runc only from its bundle folder.</summary>
    public bool ReadsConfigFromPipe => HandsOverTerminals;

    /// <summary>The words that run the container in the pod's bundle folder and wait for its end.</summary>
    /// <param name="config">Where the config is, or null for the bundle folder.</param>
    /// <param name="tty">Hand the terminal over at <see cref="ConsoleSocket"/>.</param>
    public IEnumerable<string> Run(string? config, bool tty) =>
        [
            FullPath,
            // Limits are the pod's control group's: see ControlGroup.
            limits,
            $"--root={PodFiles.InPod}/t/state",
            $"--log={PodFiles.InPod}/{PodFiles.Log}",
            "run",
            $"--bundle={PodFiles.InPod}/t/bundle",
            .. config is null ? Array.Empty<string>() : [$"--config={config}"],
            $"--pid-file={PodFiles.InPod}/{PodFiles.PidFile}",
            .. tty ? [$"--console-socket={PodFiles.InPod}/{ConsoleSocket.Name}"] : Array.Empty<string>(),
            "job",
        ];
}
