using System.Collections.Immutable;
using System.Security.Cryptography;
using Docker.DotNet;
using Docker.DotNet.Models;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>
/// The engine for machines where the native one cannot be: a container of a Docker daemon for each sandbox, over the
/// same bundle. <c>docs/sandbox.md</c> says when to choose it.
/// </summary>
/// <remarks>
/// Theory of operation. The container's first process reads from a pipe that the daemon keeps open as long as we stay
/// connected: its lifeline. Each command is an <c>exec</c> into it. When we go, however we go, the daemon closes the
/// pipe, the process ends, and with it its process namespace. Our containers and networks name a file that we hold
/// locked: what names an unlocked one is a dead runner's, and is swept.
/// </remarks>
public sealed partial class DockerSandboxEngine : ISandboxEngine, IAsyncDisposable, IDisposable
{
    private readonly SandboxOptions options;
    private readonly TimeProvider time;
    private readonly ILogger<DockerSandboxEngine> log;
    private readonly DockerDaemon daemon;
    private readonly DockerImages images;
    private readonly DockerNetworks networks;
    private readonly DockerLife life;

    public DockerSandboxEngine(IOptions<SandboxOptions> options, TimeProvider time, ILogger<DockerSandboxEngine> log)
    {
        (this.options, this.time, this.log) = (options.Value, time, log);
        daemon = new DockerDaemon(this.options);
        images = new DockerImages(daemon, this.options);
        life = new DockerLife(this.options);
        networks = new DockerNetworks(daemon, life, this.options);
    }

    public string Name => "docker";

    public async ValueTask<Sandbox> CreateAsync(SandboxSpec spec, CancellationToken stop)
    {
        SpecCheck.Check(spec);
        var info = await daemon.InfoAsync(stop);
        // A service's container is as a job's: the same limits and walls over other files.
        var beside = spec.Services.Select(service =>
            spec with
            {
                Name = $"{spec.Name}-{service.Name}",
                RootPath = service.RootPath,
                Digest = service.Digest,
                Mounts = [],
                Services = [],
            }
        );
        var labels = new Dictionary<string, string>
        {
            [DockerLabels.Sandbox] = spec.Name,
            [DockerLabels.Life] = life.Path,
        };
        var prepared = new List<DockerPrepared>();
        foreach (var one in beside.Prepend(spec))
            prepared.Add(await PrepareAsync(one, info, labels, stop));
        var pieces = new DockerPieces(daemon, networks);
        try
        {
            if (spec.Network is SandboxNetwork.Egress)
                pieces.Network = await networks.MakeAsync(labels, stop);
            var job = prepared[0];
            job.Plan.HostConfig.NetworkMode = pieces.Network ?? "none";
            foreach (var (service, one) in spec.Services.Zip(prepared.Skip(1)))
            {
                if (service.Sockets is not { } sockets)
                    continue;
                var folder = await pieces.MakeFolderAsync($"testgrid-{one.Spec.Name}-{Random()}", labels, stop);
                DockerPlan.Show(folder, sockets, job.Plan);
                DockerPlan.Show(folder, sockets, one.Plan);
            }
            var part = await StartAsync(job, info, pieces, stop);
            var services = ImmutableDictionary.CreateBuilder<string, DockerPart>();
            foreach (var (service, one) in spec.Services.Zip(prepared.Skip(1)))
            {
                DockerPlan.PutBeside(part.Container, one.Plan);
                services[service.Name] = await StartAsync(one, info, pieces, stop);
            }
            return new DockerSandbox(part, services.ToImmutable(), pieces, new DockerTools(daemon, time, log));
        }
        catch (Exception e)
        {
            await RemoveQuietlyAsync(pieces, spec.Name);
            if (e is IOException or UnauthorizedAccessException)
                throw new SandboxException($"Sandbox {spec.Name} cannot be made: {e.Message}", e);
            throw;
        }
    }

    public async ValueTask SweepAsync(CancellationToken stop)
    {
        await daemon.InfoAsync(stop);
        var filters = DockerLabels.Having(DockerLabels.Life);
        var containers = await daemon.AskAsync(
            "list containers",
            docker =>
                docker.Containers.ListContainersAsync(
                    new ContainersListParameters { All = true, Filters = filters },
                    stop
                )
        );
        var swept = 0;
        foreach (
            var container in containers.Where(one => life.HasLeft(one.Labels, ended: one.State is "exited" or "dead"))
        )
        {
            await QuietlyAsync(() => DockerPieces.RemoveContainerAsync(daemon, container.ID), container.ID);
            swept++;
        }
        var found = await daemon.AskAsync(
            "list networks",
            docker => docker.Networks.ListNetworksAsync(new NetworksListParameters { Filters = filters }, stop)
        );
        foreach (var network in found.Where(one => life.HasLeft(one.Labels, ended: false)))
            await QuietlyAsync(() => networks.RemoveAsync(network.ID), network.ID);
        var folders = await daemon.AskAsync(
            "list folders",
            docker => docker.Volumes.ListAsync(new VolumesListParameters { Filters = filters }, stop)
        );
        foreach (var folder in (folders.Volumes ?? []).Where(one => life.HasLeft(one.Labels, ended: false)))
            await QuietlyAsync(() => DockerPieces.RemoveVolumeAsync(daemon, folder.Name), folder.Name);
        await images.SweepAsync(stop);
        await life.SweepAsync(stop);
        if (swept > 0)
            Swept(log, swept);
    }

    /// <summary>Lets the daemon go, and leaves nothing on this machine. Dispose the sandboxes first.</summary>
    public async ValueTask DisposeAsync()
    {
        daemon.Dispose();
        await life.DisposeAsync();
    }

    /// <summary>As <see cref="DisposeAsync"/>, but what is on this machine stays for the next start to sweep.</summary>
    public void Dispose()
    {
        daemon.Dispose();
        life.Dispose();
    }

    private async Task<DockerPrepared> PrepareAsync(
        SandboxSpec spec,
        SystemInfoResponse info,
        IDictionary<string, string> labels,
        CancellationToken stop
    )
    {
        var files = new DockerFiles(spec, options);
        files.Plan();
        var plan = DockerPlan.For(spec, await images.GetAsync(spec, stop), files.Strange, info, options);
        plan.Labels = labels;
        plan.Name = $"testgrid-{spec.Name}-{Random()}";
        return new DockerPrepared(spec, files, plan);
    }

    private async Task<DockerPart> StartAsync(
        DockerPrepared prepared,
        SystemInfoResponse info,
        DockerPieces pieces,
        CancellationToken stop
    )
    {
        var (spec, files, plan) = prepared;
        var made = await daemon.AskAsync(
            "make a container",
            docker => docker.Containers.CreateContainerAsync(plan, stop)
        );
        pieces.Add(made.ID);
        var lifeline = await StartAsync(made.ID, stop);
        pieces.Add(lifeline);
        await FillAsync(files, lifeline, stop);
        (long, long)? room = DockerPlan.HasQuota(info) ? null : options.RoomFor(spec.Limits);
        var use = new DockerUse(spec, made.ID, daemon, room);
        await use.BeginAsync();
        return new DockerPart(spec, made.ID, use);
    }

    private async Task<MultiplexedStream> StartAsync(string container, CancellationToken stop)
    {
        var attach = new ContainerAttachParameters
        {
            Stream = true,
            Stdin = true,
            Stdout = true,
            Stderr = true,
        };
        var lifeline = await daemon.AskAsync(
            "hold a container",
            docker => docker.Containers.AttachContainerAsync(container, false, attach, stop)
        );
        try
        {
            await daemon.AskAsync(
                "start a container",
                docker => docker.Containers.StartContainerAsync(container, new ContainerStartParameters(), stop)
            );
            return lifeline;
        }
        catch
        {
            lifeline.Dispose();
            throw;
        }
    }

    private static async Task FillAsync(DockerFiles files, MultiplexedStream lifeline, CancellationToken stop)
    {
        var hearing = HearAsync(lifeline, stop);
        try
        {
            await files.SendAsync(lifeline, stop);
        }
        catch (IOException) { } // it ended: what it said tells why
        var said = await hearing;
        if (!said.EndsWith("ready\n", StringComparison.Ordinal))
            throw new SandboxException($"The container did not take the job's files: {said.Trim()}");
    }

    private static async Task<string> HearAsync(MultiplexedStream from, CancellationToken stop)
    {
        var said = "";
        var buffer = new byte[4096];
        while (!said.EndsWith("ready\n", StringComparison.Ordinal) && said.Length < 1 << 16)
        {
            var read = await from.ReadOutputAsync(buffer, 0, buffer.Length, stop);
            if (read.EOF)
                break;
            said += System.Text.Encoding.UTF8.GetString(buffer, 0, read.Count);
        }
        return said;
    }

    private Task RemoveQuietlyAsync(DockerPieces pieces, string sandbox) =>
        QuietlyAsync(
            async () =>
            {
                await pieces.EndAsync();
                await pieces.RemoveAsync();
            },
            sandbox
        );

    private async Task QuietlyAsync(Func<Task> remove, string what)
    {
        try
        {
            await remove();
        }
        catch (SandboxException e)
        {
            NotRemoved(log, e, what);
        }
    }

    private static string Random() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));

    [LoggerMessage(LogLevel.Information, "Removed {Count} containers that an earlier life left behind")]
    private static partial void Swept(ILogger log, int count);

    [LoggerMessage(LogLevel.Warning, "{What} could not be removed from Docker; the next start sweeps it")]
    private static partial void NotRemoved(ILogger log, Exception cause, string what);
}

/// <summary>A container that is yet to be made.</summary>
internal sealed record DockerPrepared(SandboxSpec Spec, DockerFiles Files, CreateContainerParameters Plan);
