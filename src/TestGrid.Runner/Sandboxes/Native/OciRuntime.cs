namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>The OCI runtime that starts containers inside a pod: crun or runc, or what speaks like them.</summary>
internal sealed class OciRuntime(string path, bool isCrun)
{
    // From any file, and so from a pipe; runc reads it in its bundle folder only.
    private readonly bool readsConfigFromPipe = isCrun;
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

    /// <summary>
    /// The words of a shell that stands ready inside a pod. It reads one line, <see cref="Order"/>, then the container's
    /// config, and becomes the runtime, which runs the container and waits for its end.
    /// </summary>
    /// <param name="place">Where the container's files are.</param>
    public IEnumerable<string> Waiting(ContainerPlace place) =>
        [
            "sh",
            "-c",
            "read -r bytes more || exit 1; "
                + $"[ \"$bytes\" = 0 ] || head -c \"$bytes\" >{place.Bundle}/config.json || exit 1; "
                + $"exec \"$@\" $more {place.Name}",
            "sh",
            FullPath,
            // Limits are the pod's control group's: see ControlGroup.
            limits,
            $"--root={PodFiles.InPod}/t/state",
            $"--log={PodFiles.InPod}/{place.Log}",
            "run",
            $"--bundle={place.Bundle}",
            $"--pid-file={PodFiles.InPod}/{place.PidFile}",
        ];

    /// <summary>
    /// The line for <see cref="Waiting"/>. Whatever else it is, the config never lies on a disk: its environment may hold
    /// secrets. crun reads it from the pipe itself, unless a command's input follows it there.
    /// </summary>
    /// <param name="configBytes">The config's length.</param>
    /// <param name="inputFollows">The command's input comes after it.</param>
    /// <param name="handOver">Hand the terminal over at <see cref="ConsoleSocket"/>.</param>
    public string Order(int configBytes, bool inputFollows, bool handOver)
    {
        var piped = readsConfigFromPipe && !inputFollows;
        return (piped ? "0 --config=/dev/stdin" : $"{configBytes}")
            + (handOver ? $" --console-socket={PodFiles.InPod}/{ConsoleSocket.Name}" : "")
            + "\n";
    }
}
