using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// The default engine: a pod of namespaces, and a container inside it, made by a launcher of our own. Works as root and
/// as an ordinary user with an id range. <c>docs/sandbox.md</c> says what it protects from, and what not.
/// </summary>
public sealed partial class NativeSandboxEngine : ISandboxEngine, IAsyncDisposable, IDisposable
{
    private static readonly TimeSpan BusyTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(10);

    private readonly SandboxOptions options;
    private readonly TimeProvider time;
    private readonly ILogger<NativeSandboxEngine> log;
    private readonly Lazy<StateFolder> state;
    private readonly Lazy<ControlGroups> groups = new(ControlGroups.Find);
    private readonly Lazy<ContainerRuntime> runtime;
    private readonly PacketFilter filters = new();
    private readonly PodPool pool;

    public NativeSandboxEngine(IOptions<SandboxOptions> options, TimeProvider time, ILogger<NativeSandboxEngine> log)
    {
        (this.options, this.time, this.log) = (options.Value, time, log);
        state = new Lazy<StateFolder>(() => StateFolder.Open(this.options.StatePath));
        // Not kept when it fails: the operator may install one meanwhile.
        runtime = new Lazy<ContainerRuntime>(
            () => ContainerRuntime.Find(this.options.Runtime),
            LazyThreadSafetyMode.PublicationOnly
        );
        pool = new PodPool(MakePodAsync, this.options.PreparedPods, time);
    }

    public string Name => "native";

    public ValueTask<bool> HasLayersAsync(CancellationToken stop) => new(true);

    internal ControlGroups Groups => groups.Value;

    internal int PreparedPods => options.PreparedPods;

    /// <summary>How many pods wait, made and whole.</summary>
    internal int WholePods => pool.CountWhole();

    public async ValueTask<Sandbox> CreateAsync(SandboxSpec spec, CancellationToken stop)
    {
        SpecCheck.Check(spec);
        if (spec.IsStrangers && !options.StrangersUnlimited && !groups.Value.LimitsMemory)
            throw new SandboxException(
                $"This job is of a fork, and its memory cannot be limited here: {groups.Value.Problem}. "
                    + $"Remedy: {ControlGroups.Remedy}; or, for code that you trust, Sandbox:StrangersUnlimited=true."
            );
        var filter = await FilterOfAsync(spec.Network, stop);
        try
        {
            var pod = await pool.TakeAsync(spec.Network, waited => PodFiles.HasFilter(waited.Folder, filter), stop);
            try
            {
                return await MoveInAsync(spec, pod, stop);
            }
            catch (SandboxException e) when (e.InnerException is IOException)
            {
                // It may have died while it waited, and we had not heard of it. One made now has had no time to.
                return await MoveInAsync(spec, await MakePodAsync(spec.Network, stop), stop);
            }
        }
        finally
        {
            pool.FillSoon(spec.Network);
        }
    }

    private async Task<Sandbox> MoveInAsync(SandboxSpec spec, Pod pod, CancellationToken stop)
    {
        try
        {
            var tree = new BundleTree(spec.RootPath, options.FirstId);
            groups.Value.Limit(pod.Name, spec.Limits);
            var furniture = new PodFurniture(pod.Folder, spec, tree, options);
            await pod.FurnishAsync(furniture.Orders(runtime.Value.HidesControlGroups), stop);
            return new NativeSandbox(spec, pod, options.FirstId, new NativeTools(runtime.Value, time, log));
        }
        catch (Exception e)
        {
            await pod.DisposeAsync();
            if (e is IOException or UnauthorizedAccessException)
                throw new SandboxException($"Sandbox {spec.Name} cannot be made: {e.Message}", e);
            throw;
        }
    }

    public async ValueTask SweepAsync(CancellationToken stop)
    {
        var first = time.GetTimestamp();
        var (pods, busy) = StateFolder.Sweep(options.StatePath);
        // A service that is restarted at once comes while its former life's processes still die.
        while (busy && time.GetElapsedTime(first) < BusyTime)
        {
            await Task.Delay(Moment, time, stop);
            busy = StateFolder.Sweep(options.StatePath).Busy;
        }
        if (pods > 0)
            Swept(log, pods);
    }

    /// <summary>Ends the pods that wait and gives the state folder back. Dispose the sandboxes first.</summary>
    public async ValueTask DisposeAsync()
    {
        await pool.DisposeAsync();
        if (state.IsValueCreated)
            state.Value.Dispose();
    }

    /// <summary>The same without waiting; what is busy dying is left to the next sweep.</summary>
    public void Dispose()
    {
        pool.Dispose();
        if (state.IsValueCreated)
            state.Value.Dispose();
    }

    internal async Task<Pod> MakePodAsync(SandboxNetwork network, CancellationToken stop)
    {
        var filter = await FilterOfAsync(network, stop);
        var folder = "";
        var group = ControlGroup.None;
        Pod pod;
        try
        {
            folder = state.Value.AddPod();
            group = groups.Value.Make(Path.GetFileName(folder), made => StateFolder.NoteGroups(folder, made));
            PodFiles.Write(folder, filter);
            pod = Pod.Start(new PodPlan(folder, group, network, options.FirstId, runtime.Value), time, log);
        }
        catch (Exception e)
        {
            if (ControlGroup.TryRemove(group.Folders))
                StateFolder.RemovePod(folder);
            if (e is IOException or UnauthorizedAccessException)
                throw new SandboxException($"No sandbox can be made in {options.StatePath}: {e.Message}", e);
            throw;
        }
        return await pod.WaitAsync(network, options.FirstId, stop);
    }

    private ValueTask<byte[]> FilterOfAsync(SandboxNetwork network, CancellationToken stop) =>
        filters.OfAsync(network is SandboxNetwork.Egress ? Egress.Rules(options) : "", stop);

    [LoggerMessage(LogLevel.Information, "Removed what {Pods} sandboxes of an earlier life left behind")]
    private static partial void Swept(ILogger log, int pods);
}
