using System.IO.Pipelines;
using TestGrid.Runner.Layers;

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

    // The machine's own tar, in the pod and not in the container: nothing of the job's is run, and no path of the job's is
    // looked up but below the layers' own folders.
    protected override async Task SaveOneAsync(
        Stream output,
        IReadOnlyCollection<string> without,
        CancellationToken stop
    )
    {
        var mounts = spec.Mounts.Select((mount, i) => (mount, Name: $"u{i + 1}"));
        IEnumerable<string> names =
        [
            "u0",
            .. mounts.Where(one => one.mount.Kind is SandboxMountKind.Overlay).Select(one => one.Name),
        ];
        IEnumerable<string> own =
        [
            .. PodFurniture.OwnPaths,
            .. spec.Mounts.Select(mount => mount.Target),
            .. spec.Services.Select(service => service.Sockets).OfType<string>(),
            .. without,
        ];
        var pack = LayerArchive.PackWords(
            PodFurniture.Memory,
            names,
            own.Select(path => "u0" + path).Concat(BelowMounts(without))
        );
        using var tar = ChildProgram.Start([], pod.Enter(pack));
        try
        {
            tar.StandardInput.Close();
            var complained = tar.StandardError.ReadToEndAsync(stop);
            await tar.StandardOutput.BaseStream.CopyToAsync(output, stop);
            await tar.WaitForExitAsync(stop);
            if (tar.ExitCode != 0)
                throw new SandboxException(
                    $"The layer of sandbox {spec.Name} was not saved: {(await complained).Trim()}"
                );
        }
        finally
        {
            if (!tar.HasExited)
                Posix.Kill(tar.Id, Posix.Sigkill);
        }
    }

    // What is left out may lie in a mount.
    private IEnumerable<string> BelowMounts(IReadOnlyCollection<string> without) =>
        spec.Mounts.SelectMany(
            (mount, i) =>
                without
                    .Where(path => path.StartsWith(mount.Target + "/", StringComparison.Ordinal))
                    .Select(path => $"u{i + 1}{path[mount.Target.Length..]}")
        );

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
