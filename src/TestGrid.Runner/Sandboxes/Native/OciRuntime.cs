using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Logging;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>An OCI runtime: crun or runc, or what speaks like them.</summary>
internal sealed class OciRuntime(string path, bool isCrun) : ContainerRuntime(path)
{
    // From any file, and so from a pipe; runc reads it in its bundle folder only.
    private readonly bool readsConfigFromPipe = isCrun;
    private readonly string limits = isCrun ? "--cgroup-manager=disabled" : "--rootless=true";

    /// <summary>
    /// crun 1.8 stops at the sight of version 1 and 2 side by side, so there it is shown neither; runc wants to see
    /// what there is.
    /// </summary>
    public override bool HidesControlGroups { get; } = isCrun && ControlGroups.HostIsHybrid;

    /// <summary>runc does so only when it does not wait.</summary>
    public override bool HandsOverTerminals { get; } = isCrun;

    public override Process OpenDoor(Pod pod, ContainerPlace place) =>
        ChildProgram.StartForStrangers(pod.Group.JoinFiles, pod.Enter(Waiting(place)));

    /// <summary>
    /// A line of words, and the config. Whatever else it is, the config never lies on a disk: its environment may hold
    /// secrets. crun reads it from the pipe itself, unless a command's input follows it there.
    /// </summary>
    public override byte[] Order(ContainerPlan plan, bool inputFollows)
    {
        var config = OciConfig.For(plan, HandsOverTerminals);
        var line =
            (readsConfigFromPipe && !inputFollows ? "0 --config=/dev/stdin" : $"{config.Length}")
            + (plan.Command.Tty && HandsOverTerminals ? $" --console-socket={PodFiles.InPod}/{ConsoleSocket.Name}" : "")
            + "\n";
        return [.. Encoding.ASCII.GetBytes(line), .. config];
    }

    public override ContainerWatch Watch(Process door, Pod pod, ContainerPlace place, NativeTools tools) =>
        new OciWatch(door, pod, place, tools);

    // A shell that reads one line, then the container's config, and becomes the runtime.
    private IEnumerable<string> Waiting(ContainerPlace place) =>
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
}

/// <summary>
/// Looks after a container of an OCI runtime, which notes the number of its first process and its own complaints in
/// files of the pod's folder.
/// </summary>
internal sealed partial class OciWatch : ContainerWatch
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

    private readonly Pod pod;
    private readonly ContainerPlace place;
    private readonly NativeTools tools;
    private readonly Task<string> complaining;

    public OciWatch(Process door, Pod pod, ContainerPlace place, NativeTools tools)
    {
        (this.pod, this.place, this.tools) = (pod, place, tools);
        // The runtime is the pod's root, a stranger here, and writes its log and the container's number into these. No
        // one else can come this far.
        var (folder, log) = (Path.Combine(pod.Folder, ContainerPlace.Out), LogFile);
        Directory.CreateDirectory(folder);
        File.SetUnixFileMode(folder, Modes.All);
        File.WriteAllText(log, "");
        File.SetUnixFileMode(log, Modes.All);
        File.Delete(PidFile);
        complaining = door.StandardError.ReadToEndAsync(CancellationToken.None);
    }

    private string PidFile => Path.Combine(pod.Folder, place.PidFile);

    private string LogFile => Path.Combine(pod.Folder, place.Log);

    public override ValueTask<bool> HasStartedAsync() => new(File.Exists(PidFile));

    // The runtime, or what enters the pod.
    public override async Task<string> ComplaintAsync() =>
        (await File.ReadAllTextAsync(LogFile, CancellationToken.None) + await complaining).Trim();

    // To all of the job's processes but the container's first one, which only waits: sent from inside their PID
    // namespace, so that no number can mean somebody else's process. Until there is one that it reaches: before the
    // container is made, and before its first process has made the job's, there is nobody to hear it.
    public override async Task AskToEndAsync(bool hangUp, bool inScript, Task exited)
    {
        var ask = inScript ? $"unshare --mount -- sh -c '{AskAllButTerminal}'" : $"sh -c '{AskAll}'";
        ask = ask.Replace("SIGNAL", hangUp ? "HUP" : "TERM", StringComparison.Ordinal);
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
                NotAsked(tools.Log, pod.Name, said);
                warned = true;
            }
            await Task.WhenAny(exited, Task.Delay(Moment, tools.Time, CancellationToken.None));
        }
    }

    [LoggerMessage(LogLevel.Warning, "The command in {Pod} could not be asked to end: {Said}")]
    private static partial void NotAsked(ILogger log, string pod, string said);
}
