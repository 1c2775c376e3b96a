using System.Diagnostics;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>What starts commands as containers inside a pod: our own launcher, or an OCI runtime.</summary>
/// <param name="path">The program.</param>
internal abstract class ContainerRuntime(string path)
{
    public string Name { get; } = Path.GetFileName(path);

    public string FullPath { get; } = path;

    /// <summary>It must not see the machine's control groups.</summary>
    public virtual bool HidesControlGroups => false;

    /// <summary>
    /// It gives the terminal's master side to <see cref="ConsoleSocket"/> and still waits for the container's end; else
    /// <c>script</c> from the bundle makes the terminal.
    /// </summary>
    public virtual bool HandsOverTerminals => true;

    /// <summary>The one that the setting <c>sandbox:runtime</c> names; empty takes our own.</summary>
    /// <exception cref="SandboxException">There is none.</exception>
    public static ContainerRuntime Find(string wanted)
    {
        if (wanted is "" or OwnLauncher.Setting)
            return OwnLauncher.Find();
        var path =
            ChildProgram.Search(wanted)
            ?? throw new SandboxException($"There is no OCI runtime {wanted}. Install one: apt-get install crun");
        return new OciRuntime(path, Path.GetFileName(path).StartsWith("crun", StringComparison.Ordinal));
    }

    /// <summary>
    /// Starts a process that stands inside a pod, in its control group, and waits on its standard input for
    /// <see cref="Order"/>; then it becomes the runtime, which runs the container and waits for its end.
    /// </summary>
    public abstract Process OpenDoor(Pod pod, ContainerPlace place);

    /// <summary>What to say to the door, before the command's input.</summary>
    /// <param name="plan">The container.</param>
    /// <param name="inputFollows">The command's input comes after it.</param>
    public abstract byte[] Order(ContainerPlan plan, bool inputFollows);

    /// <summary>Looks after what a door becomes. Before its order.</summary>
    public abstract ContainerWatch Watch(Process door, Pod pod, ContainerPlace place, NativeTools tools);
}

/// <summary>What a container shall be.</summary>
/// <param name="Command">What runs in it.</param>
/// <param name="Root">The root filesystem, as seen in the pod.</param>
/// <param name="HostName">What the machine is called inside.</param>
/// <param name="User">Who runs it.</param>
/// <param name="SharedMemoryBytes">The size of <c>/dev/shm</c>.</param>
/// <param name="Processes">Each of its users' most, for where no control group counts them; 0 is no limit.</param>
internal sealed record ContainerPlan(
    SandboxCommand Command,
    string Root,
    string HostName,
    BundleTree.BundleUser User,
    long SharedMemoryBytes,
    long Processes
);

/// <summary>Looks after one container: whether it came to be, and how it is asked to end.</summary>
internal abstract class ContainerWatch
{
    /// <summary>Whether the command came to be started. To be asked after the end.</summary>
    public abstract ValueTask<bool> HasStartedAsync();

    /// <summary>Why none came to be, in the runtime's words; empty when it does not say. To be asked after the end.</summary>
    public abstract Task<string> ComplaintAsync();

    /// <summary>
    /// Sends a signal to all of the command's processes, as soon as there is one that it reaches. Returns when it was
    /// sent, or at the end.
    /// </summary>
    /// <param name="hangUp">SIGHUP, for a command at whose terminal a person sat; else SIGTERM.</param>
    /// <param name="inScript">Its terminal is made by <c>script</c>, which shall live.</param>
    /// <param name="exited">The end.</param>
    public abstract Task AskToEndAsync(bool hangUp, bool inScript, Task exited);
}
