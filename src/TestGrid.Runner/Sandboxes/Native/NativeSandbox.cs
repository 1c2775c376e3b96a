using System.IO.Pipelines;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>One pod, the commands run in it, and what serves them there.</summary>
internal sealed class NativeSandbox(SandboxSpec spec, Pod pod, int firstId, NativeTools tools)
    : OrderlySandbox(spec.Name)
{
    protected override Task<SandboxExit> RunOneAsync(
        SandboxCommand command,
        PipeWriter output,
        CancellationToken polite
    ) => At(ContainerPlace.Job, spec.RootPath).RunAsync(command, output, polite);

    protected override Task<SandboxExit> ServeOneAsync(string service, SandboxCommand command, PipeWriter output)
    {
        var number = spec.Services.ToList().FindIndex(one => one.Name == service);
        return At(ContainerPlace.Of(number), spec.Services[number].RootPath)
            .RunAsync(command, output, CancellationToken.None);
    }

    public override SandboxGlance Glance() => new(pod.Group.TakePeakMemory(), pod.LookAtDisk().Bytes);

    protected override async Task EndAsync(Task running)
    {
        await pod.EndAsync();
        await Task.WhenAny(running); // it ends with the pod, and still asks how
        await pod.DisposeAsync();
    }

    private NativeContainer At(ContainerPlace place, string root) =>
        new(spec, pod, place, new BundleTree(root, firstId), tools, Ended);
}
