using System.Collections.Immutable;
using System.IO.Pipelines;
using System.Threading.Channels;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;

namespace TestGrid.Runner.Sandboxes;

/// <summary>
/// Seam: makes a fresh place for one job to run in. Called from many jobs at once.
/// <list type="number">
/// <item>CreateAsync, once per job: a new root filesystem over the bundle, its limits in force.</item>
/// <item>ServeAsync, once for each service of the spec: at any time, also while a command runs.</item>
/// <item>RunAsync, one at a time.</item>
/// <item>DisposeAsync, always, also after a failure: kills what is left and removes every trace. Never throws.</item>
/// </list>
/// Nothing that a job does may be seen by the next job, or by the host. When the runner dies, however it dies,
/// everything in its sandboxes dies too.
/// </summary>
/// <remarks>Every implementation passes <c>tests/TestGrid.Tests/Contracts/SandboxContract.cs</c>.</remarks>
public interface ISandboxEngine
{
    /// <summary>The name that settings and logs use: <c>native</c>, <c>docker</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Whether its sandboxes can be made with <see cref="SandboxSpec.LayerPath"/>, and have
    /// <see cref="Sandbox.SaveLayerAsync"/>.
    /// </summary>
    /// <exception cref="SandboxException">No engine works here.</exception>
    ValueTask<bool> HasLayersAsync(CancellationToken stop) => new(false);

    /// <exception cref="SandboxException">The machine cannot make one; the message says what is missing and the line that mends it.</exception>
    ValueTask<Sandbox> CreateAsync(SandboxSpec spec, CancellationToken stop);

    /// <summary>Removes what an earlier life of this runner left behind. Called once, before the first job.</summary>
    ValueTask SweepAsync(CancellationToken stop);
}

/// <summary>What a sandbox shall be.</summary>
/// <param name="Name">Unique on this machine while it lives, fit for a folder's name: <c>42.3-1</c>.</param>
/// <param name="RootPath">The bundle's tree; never written to.</param>
/// <param name="Mounts">Folders shown inside.</param>
/// <param name="Limits">In force from the first process on.</param>
/// <param name="Network">What it may reach.</param>
public sealed record SandboxSpec(
    string Name,
    string RootPath,
    ImmutableArray<SandboxMount> Mounts,
    JobLimits Limits,
    SandboxNetwork Network
)
{
    /// <summary>The bundle's name by content, for an engine that keeps the tree elsewhere too.</summary>
    public BundleDigest? Digest { get; init; }

    /// <summary>
    /// What an earlier sandbox's <see cref="Sandbox.SaveLayerAsync"/> wrote, unpacked; null for none. It is never written
    /// to. Its <c>u0</c> is seen over the bundle. Its <c>uN</c>, if it has one, is seen beneath the N-th of the mounts, from
    /// 1 on: there the mount's own files win.
    /// </summary>
    public string? LayerPath { get; init; }

    /// <summary>Its code is a stranger's, of a pull request from a fork: an engine that cannot limit it refuses it.</summary>
    public bool IsStrangers { get; init; }

    /// <summary>What the machine is called inside; letters, digits, dots and dashes.</summary>
    public string HostName { get; init; } = "testgrid";

    /// <summary>Absolute paths of folders that are there, made where the bundle has none, for who owns the folder above.</summary>
    public ImmutableArray<string> Folders { get; init; } = [];

    /// <summary>What runs beside the commands: on the same localhost, each in files and processes of its own.</summary>
    public ImmutableArray<SandboxService> Services { get; init; } = [];
}

/// <summary>
/// Files beside the sandbox's own, fresh over another bundle, for one program that serves. It shares the network, and
/// with the native engine the limits too; a container of Docker has the same limits for itself.
/// </summary>
/// <param name="Name">Unique in its sandbox; lower-case letters, digits and dashes.</param>
/// <param name="RootPath">Its bundle's tree; never written to.</param>
public sealed record SandboxService(string Name, string RootPath)
{
    /// <summary>The bundle's name by content, for an engine that keeps the tree elsewhere too.</summary>
    public BundleDigest? Digest { get; init; }

    /// <summary>
    /// A folder of which both sides see the same, empty at first and open to all, for sockets; an absolute path, or
    /// null for none.
    /// </summary>
    public string? Sockets { get; init; }
}

/// <summary>A folder or file of the runner's shown inside.</summary>
/// <param name="Source">The path outside; never written to.</param>
/// <param name="Target">The absolute path inside; made if missing.</param>
/// <param name="Kind">Read-only as it is, or writable in a layer of this sandbox's own.</param>
public sealed record SandboxMount(string Source, string Target, SandboxMountKind Kind);

public enum SandboxMountKind
{
    /// <summary>Seen as it is, and not writable.</summary>
    ReadOnly,

    /// <summary>Writable; what is written lives in the sandbox and dies with it.</summary>
    Overlay,
}

public enum SandboxNetwork
{
    /// <summary>Loopback only.</summary>
    None,

    /// <summary>Names and the public internet; never the host, its networks, metadata services, or mail ports.</summary>
    Egress,
}

/// <summary>What to run inside.</summary>
/// <param name="Argv">Program and arguments.</param>
/// <param name="Env">The whole environment: nothing of the runner's leaks in.</param>
/// <param name="Folder">An absolute path inside.</param>
/// <param name="User">A user of the bundle: <c>travis</c> or <c>root</c>.</param>
/// <param name="Tty">Give it a pseudo-terminal; false gives a pipe.</param>
/// <param name="Input">
/// What it reads on standard input, and then an end. Null gives an end at once, but from a terminal a read waits, as
/// for a person.
/// </param>
public sealed record SandboxCommand(
    ImmutableArray<string> Argv,
    ImmutableSortedDictionary<string, string> Env,
    string Folder,
    string User = "travis",
    bool Tty = false,
    ReadOnlyMemory<byte>? Input = null
)
{
    /// <summary>How large its terminal is at first.</summary>
    public TerminalSize Size { get; init; } = TerminalSize.OfJobs;

    /// <summary>
    /// What a person does at its terminal, as it comes; at its end the terminal hangs up (SIGHUP to all that the command
    /// started). Null for a terminal at which nobody sits. With it there is no <see cref="Input"/>, and a shell that is
    /// asked to end gets SIGHUP, too: an interactive one does not hear SIGTERM.
    /// </summary>
    public ChannelReader<Stroke>? Keyboard { get; init; }
}

/// <summary>How a command in a sandbox ended.</summary>
/// <param name="ExitCode">128 + n after signal n.</param>
/// <param name="OutOfMemory">The kernel ended something in it for the memory limit.</param>
/// <param name="Use">What the sandbox used up to then; null when the engine cannot know.</param>
public sealed record SandboxExit(int ExitCode, bool OutOfMemory = false, SandboxUse? Use = null);

/// <summary>What a sandbox used from its beginning on.</summary>
/// <param name="PeakMemoryBytes">The most at one time, with files in memory; null when nobody counts it.</param>
/// <param name="Processor">Of all its processes; null when nobody counts it.</param>
/// <param name="DiskBytes">What it holds over its bundle and checkout; null when the engine cannot know.</param>
/// <param name="DiskFull">There is no room left for what it writes, or for one more file.</param>
/// <param name="ProcessesRefused">A process was not made for the limit on their number.</param>
public sealed record SandboxUse(
    long? PeakMemoryBytes,
    TimeSpan? Processor,
    long? DiskBytes,
    bool DiskFull,
    bool ProcessesRefused
);

/// <summary>What a sandbox uses at a moment.</summary>
/// <param name="PeakMemoryBytes">The most memory at one time since the last look; null when that cannot be told.</param>
/// <param name="DiskBytes">What it holds over its bundle and checkout now.</param>
public readonly record struct SandboxGlance(long? PeakMemoryBytes, long? DiskBytes);

/// <summary>A fresh place for one job. See <see cref="ISandboxEngine"/> for the order of calls.</summary>
public abstract class Sandbox : IAsyncDisposable
{
    /// <summary>
    /// Runs one command and writes its output, both streams in one, to <paramref name="output"/>; back-pressure holds
    /// the command up. <paramref name="polite"/> asks it to end (SIGTERM to its process group); dispose the sandbox to
    /// end it for certain. The writer is not completed: it is the caller's.
    /// </summary>
    public abstract ValueTask<SandboxExit> RunAsync(
        SandboxCommand command,
        PipeWriter output,
        CancellationToken polite
    );

    /// <summary>
    /// Runs the one program of a service, in its files, and writes its output to <paramref name="output"/>. Returns when
    /// it ends, at the latest with the sandbox.
    /// </summary>
    /// <param name="service">The name of one of the spec's services.</param>
    /// <param name="command">Without a terminal and without input.</param>
    /// <param name="output">As in <see cref="RunAsync"/>.</param>
    public abstract ValueTask<SandboxExit> ServeAsync(string service, SandboxCommand command, PipeWriter output);

    /// <summary>
    /// Writes all that its commands have changed so far as a tar (POSIX format, owners as seen inside, sorted by name, so
    /// that the same change gives the same bytes): <c>u0</c> over the bundle, <c>uN</c> over the N-th of the mounts, from 1
    /// on. What was deleted is a device of numbers 0 and 0, a folder that replaced one has the attribute
    /// <c>user.overlay.opaque</c>: as <see cref="SandboxSpec.LayerPath"/> is read. Without <c>/tmp</c>, <c>/run</c>,
    /// <c>/var/tmp</c>, mounted files, sockets, and what the sandbox itself has put there. While no command runs, and
    /// nothing that is the job's runs for it.
    /// </summary>
    /// <param name="output">What cannot be written there ends it; it is not closed.</param>
    /// <param name="without">Further absolute paths inside that are left out, with all below them.</param>
    /// <param name="stop">Ends it; the sandbox stays as it was.</param>
    /// <exception cref="SandboxException">It failed, or this engine has none: <see cref="ISandboxEngine.HasLayersAsync"/>.</exception>
    public virtual ValueTask SaveLayerAsync(
        Stream output,
        IReadOnlyCollection<string> without,
        CancellationToken stop
    ) => throw new SandboxException("This sandbox engine saves no layers.");

    /// <summary>
    /// A quick look at what it uses, for one caller at a time: at once, with no process started and nothing searched
    /// through. What cannot be had so is null.
    /// </summary>
    public virtual SandboxGlance Glance() => default;

    public abstract ValueTask DisposeAsync();
}

/// <summary>A sandbox cannot be made here. The message names what is missing and the line that mends it.</summary>
public sealed class SandboxException(string message, Exception? cause = null) : Exception(message, cause);
