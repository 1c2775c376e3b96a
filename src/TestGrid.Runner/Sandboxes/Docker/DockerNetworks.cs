using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Docker.DotNet.Models;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>
/// The way out of a container: a bridge for each sandbox, so that no two are neighbours, under a packet filter of this
/// machine that says where to.
/// </summary>
internal sealed class DockerNetworks(DockerDaemon daemon, DockerLife life, SandboxOptions options)
{
    private const int Tries = 20;

    /// <summary>Makes a sandbox's own network and gives its id.</summary>
    /// <exception cref="SandboxException">It cannot be made, or cannot be filtered.</exception>
    public async Task<string> MakeAsync(IDictionary<string, string> labels, CancellationToken stop)
    {
        if (!options.DockerUnfiltered)
            await DockerFilter.StandAsync(life.Family, options, stop);
        for (var tries = 1; ; tries++)
        {
            var bridge = $"{life.Family}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3))}";
            var parameters = new NetworksCreateParameters
            {
                Name = $"testgrid-{bridge}",
                Driver = "bridge",
                Labels = labels,
                Options = new Dictionary<string, string> { ["com.docker.network.bridge.name"] = bridge },
                IPAM = new IPAM { Config = [new IPAMConfig { Subnet = AnySubnet() }] },
            };
            try
            {
                var made = await daemon.AskAsync(
                    "make a network",
                    docker => docker.Networks.CreateNetworkAsync(parameters, stop)
                );
                await CheckBridgeAsync(made.ID, bridge);
                return made.ID;
            }
            catch (SandboxException e)
                when (tries < Tries && e.Message.Contains("overlaps", StringComparison.OrdinalIgnoreCase)) { }
        }
    }

    public Task RemoveAsync(string network) =>
        daemon.ForgetAsync(
            "remove a network",
            docker => docker.Networks.DeleteNetworkAsync(network, CancellationToken.None)
        );

    // A daemon in a network namespace of its own would have its bridges there, and our filter would stand here.
    private async Task CheckBridgeAsync(string network, string bridge)
    {
        if (options.DockerUnfiltered || Directory.Exists($"/sys/class/net/{bridge}"))
            return;
        await RemoveAsync(network);
        throw new SandboxException(
            "The Docker daemon's networks are not this machine's, so a job's network cannot be filtered here. Remedy: "
                + "run the runner in the daemon's network namespace, set Runner:Network=None, or, for code that you "
                + "trust, Sandbox:DockerUnfiltered=true."
        );
    }

    // 16 addresses: the network's, the bridge's, the container's, and room.
    private string AnySubnet()
    {
        var pool = IPNetwork.Parse(options.DockerNetwork);
        var bytes = pool.BaseAddress.GetAddressBytes();
        var first = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes);
        var subnet = RandomNumberGenerator.GetInt32(1 << (28 - pool.PrefixLength));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes, first + ((uint)subnet << 4));
        return string.Create(CultureInfo.InvariantCulture, $"{new IPAddress(bytes)}/28");
    }
}
