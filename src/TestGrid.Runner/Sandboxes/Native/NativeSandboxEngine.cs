using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// The default engine: a pod of namespaces made with util-linux's <c>unshare</c>, and an OCI runtime inside it. Works as
/// root and as an ordinary user with an id range. <c>docs/sandbox.md</c> says what it protects from, and what not.
/// </summary>
public sealed partial class NativeSandboxEngine : ISandboxEngine, IAsyncDisposable, IDisposable
{
    private readonly SandboxOptions options;
    private readonly TimeProvider time;
    private readonly ILogger<NativeSandboxEngine> log;
    private readonly Lazy<StateFolder> state;
    private readonly Lazy<ControlGroups> groups = new(ControlGroups.Find);
    private readonly Lazy<OciRuntime> runtime;
    private readonly PodPool pool;

    public NativeSandboxEngine(IOptions<SandboxOptions> options, TimeProvider time, ILogger<NativeSandboxEngine> log)
    {
        (this.options, this.time, this.log) = (options.Value, time, log);
        state = new Lazy<StateFolder>(() => StateFolder.Open(this.options.StatePath));
        // Not kept when it fails: the operator may install one meanwhile.
        runtime = new Lazy<OciRuntime>(
            () => OciRuntime.Find(this.options.Runtime),
            LazyThreadSafetyMode.PublicationOnly
        );
        pool = new PodPool(MakePodAsync, this.options.PreparedPods, time);
    }

    public string Name => "native";

    internal ControlGroups Groups => groups.Value;

    public async ValueTask<Sandbox> CreateAsync(SandboxSpec spec, CancellationToken stop)
    {
        SpecCheck.Check(spec);
        var tree = new BundleTree(spec.RootPath, options.FirstId);
        var files = new PodFiles(spec, tree, options);
        var rules = RulesOf(spec.Network);
        var pod = await pool.TakeAsync(spec.Network, waited => PodFiles.HasRules(waited.Folder, rules), stop);
        try
        {
            groups.Value.Limit(pod.Name, spec.Limits);
            await files.WriteAsync(pod.Folder, stop);
            await pod.FurnishAsync(spec, stop);
            return new NativeSandbox(spec, pod, tree, runtime.Value, time, log);
        }
        catch (Exception e)
        {
            await pod.DisposeAsync();
            if (e is IOException or UnauthorizedAccessException)
                throw new SandboxException($"Sandbox {spec.Name} cannot be made: {e.Message}", e);
            throw;
        }
        finally
        {
            pool.FillSoon(spec.Network);
        }
    }

    public ValueTask SweepAsync(CancellationToken stop)
    {
        var pods = StateFolder.Sweep(options.StatePath);
        if (pods > 0)
            Swept(log, pods);
        return ValueTask.CompletedTask;
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
        var folder = state.Value.AddPod();
        var group = ControlGroup.None;
        try
        {
            group = groups.Value.Make(Path.GetFileName(folder), made => StateFolder.NoteGroups(folder, made));
            PodFiles.WriteCommon(folder, RulesOf(network), runtime.Value.HidesControlGroups);
        }
        catch
        {
            if (ControlGroup.TryRemove(group.Folders))
                StateFolder.RemovePod(folder);
            throw;
        }
        var plan = new PodPlan(folder, group, network, options.FirstId, runtime.Value.Waiting());
        return await Pod.StartAsync(plan, time, log, stop);
    }

    private string RulesOf(SandboxNetwork network) => network is SandboxNetwork.Egress ? Egress.Rules(options) : "";

    [LoggerMessage(LogLevel.Information, "Removed what {Pods} sandboxes of an earlier life left behind")]
    private static partial void Swept(ILogger log, int pods);
}
