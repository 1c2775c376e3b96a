using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// Our own launcher, <c>launcher/main.c</c>: a small static program that is built with this one and lies beside it. It
/// makes all pods, and does in them what an OCI runtime would do, in a fraction of the time.
/// </summary>
internal sealed class OwnLauncher() : ContainerRuntime(Located)
{
    /// <summary>What the setting <c>sandbox:runtime</c> calls it.</summary>
    public const string Setting = "launcher";

    // linux/capability.h.
    private static readonly string[] RightNumbers =
    [
        .. "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE".Split(' '),
        .. "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO".Split(' '),
        .. "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME".Split(' '),
        .. "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP".Split(' '),
    ];

    // What is the same in every order.
    private static readonly byte[] Walled = Wall();

    private readonly Lazy<byte[]> filter = new(SeccompProgram.Compile);

    /// <summary>Where it lies, whether or not it does.</summary>
    private static string Located => Path.Combine(AppContext.BaseDirectory, "testgrid-launcher");

    /// <exception cref="SandboxException">It was not built, or not copied with the program.</exception>
    public static OwnLauncher Find() =>
        File.Exists(Located)
            ? new OwnLauncher()
            : throw new SandboxException(
                $"The launcher is not at {Located}. A build makes it there: apt-get install gcc libc6-dev, and build again"
            );

    // It joins the control groups, lets strangers open its standard streams and enters the namespaces by itself.
    public override Process OpenDoor(Pod pod, ContainerPlace place) =>
        ChildProgram.Start([], [FullPath, "run", $"{pod.FirstProcess}", .. pod.Group.JoinFiles]);

    /// <summary>See the head of <c>launcher/container.c</c>.</summary>
    public override byte[] Order(ContainerPlan plan, bool inputFollows)
    {
        var (command, user) = (plan.Command, plan.User);
        var text = new LauncherText();
        text.Add("root", plan.Root);
        text.Add("host", plan.HostName);
        text.Add("folder", command.Folder);
        text.Add("shared-memory", plan.SharedMemoryBytes);
        text.Add("user", user.Uid);
        text.Add("group", user.Gid);
        foreach (var group in user.Groups)
            text.Add("more-group", group);
        if (plan.Processes > 0)
            text.Add("processes", plan.Processes);
        if (command.Tty)
        {
            text.Add("console", $"{PodFiles.InPod}/{ConsoleSocket.Name}");
            var (columns, rows) = command.Size.Usable;
            text.Add("window", string.Create(CultureInfo.InvariantCulture, $"{columns} {rows}"));
        }
        foreach (var (name, value) in command.Env)
            text.Add("env", $"{name}={value}");
        foreach (var word in command.Argv)
            text.Add("word", word);
        var lengths = string.Create(
            CultureInfo.InvariantCulture,
            $"{Walled.Length + text.Bytes.Length} {filter.Value.Length}\n"
        );
        return [.. Encoding.ASCII.GetBytes(lengths), .. Walled, .. text.Bytes, .. filter.Value];
    }

    public override ContainerWatch Watch(Process door, Pod pod, ContainerPlace place, NativeTools tools) =>
        new LauncherWatch(door);

    private static byte[] Wall()
    {
        var text = new LauncherText();
        foreach (var right in Walls.Rights)
            text.Add("right", Array.IndexOf(RightNumbers, right));
        foreach (var path in Walls.Masked)
            text.Add("mask", path);
        foreach (var path in Walls.ReadOnly)
            text.Add("readonly", path);
        text.Add("files", string.Create(CultureInfo.InvariantCulture, $"{OpenFiles.Soft} {OpenFiles.Hard}"));
        return text.Bytes;
    }
}

/// <summary>Looks after a container of the launcher's, which says on its standard error what becomes of it.</summary>
internal sealed class LauncherWatch : ContainerWatch
{
    private const string Started = "started";
    private readonly Process launcher;
    private readonly Task<string?> first;

    public LauncherWatch(Process launcher)
    {
        this.launcher = launcher;
        first = launcher.StandardError.ReadLineAsync();
    }

    public override async ValueTask<bool> HasStartedAsync() => await first == Started;

    public override async Task<string> ComplaintAsync() =>
        (await first + "\n" + await launcher.StandardError.ReadToEndAsync()).Trim();

    public override async Task AskToEndAsync(bool hangUp, bool inScript, Task exited)
    {
        if (await Task.WhenAny(first, exited) == first && await HasStartedAsync() && !launcher.HasExited)
            Posix.Kill(launcher.Id, hangUp ? Posix.Sighup : Posix.Sigterm);
    }
}
