using Docker.DotNet;
using Docker.DotNet.Models;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>All that one sandbox has in the daemon, from the moment that each piece is made.</summary>
internal sealed class DockerPieces(DockerDaemon daemon, DockerNetworks networks)
{
    private readonly List<MultiplexedStream> lifelines = [];
    private readonly List<string> containers = [];
    private readonly List<string> volumes = [];

    /// <summary>Its own network's id, or null.</summary>
    public string? Network { get; set; }

    public void Add(string container) => containers.Add(container);

    /// <summary>The connection that keeps a container alive.</summary>
    public void Add(MultiplexedStream lifeline) => lifelines.Add(lifeline);

    /// <summary>Makes a folder in memory that two containers can see, open to all, and gives its name.</summary>
    public async Task<string> MakeFolderAsync(string name, IDictionary<string, string> labels, CancellationToken stop)
    {
        var parameters = new VolumesCreateParameters
        {
            Name = name,
            Driver = "local",
            DriverOpts = new Dictionary<string, string>
            {
                ["type"] = "tmpfs",
                ["device"] = "tmpfs",
                ["o"] = "size=1m,nr_inodes=1k,mode=1777,nosuid,nodev,noexec",
            },
            Labels = labels,
        };
        await daemon.AskAsync("make a folder", docker => docker.Volumes.CreateAsync(parameters, stop));
        volumes.Add(name);
        return name;
    }

    /// <summary>Kills and removes the containers.</summary>
    /// <exception cref="SandboxException">The daemon could not; what is left is labelled.</exception>
    public async Task EndAsync()
    {
        foreach (var lifeline in lifelines)
            lifeline.Dispose();
        // Those that came last live on the first one's network.
        foreach (var container in Enumerable.Reverse(containers))
            await RemoveContainerAsync(daemon, container);
    }

    /// <summary>Removes what the containers used. <see cref="EndAsync"/> comes first.</summary>
    /// <exception cref="SandboxException">The daemon could not; what is left is labelled.</exception>
    public async Task RemoveAsync()
    {
        if (Network is { } network)
            await networks.RemoveAsync(network);
        foreach (var volume in volumes)
            await RemoveVolumeAsync(daemon, volume);
    }

    /// <summary>Kills and removes a container; one that is gone, or going, is no error.</summary>
    public static Task RemoveContainerAsync(DockerDaemon daemon, string container) =>
        daemon.ForgetAsync(
            "remove a container",
            docker =>
                docker.Containers.RemoveContainerAsync(
                    container,
                    new ContainerRemoveParameters { Force = true, RemoveVolumes = true },
                    CancellationToken.None
                )
        );

    public static Task RemoveVolumeAsync(DockerDaemon daemon, string volume) =>
        daemon.ForgetAsync(
            "remove a folder",
            docker => docker.Volumes.RemoveAsync(volume, force: true, CancellationToken.None)
        );
}
