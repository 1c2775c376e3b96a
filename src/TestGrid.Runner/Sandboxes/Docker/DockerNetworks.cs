using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Docker.DotNet.Models;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>
/// The way out of a container: a bridge for each sandbox, so that no two are neighbours, and a packet filter of this
/// machine that says where to. Docker's own rules are neither needed nor touched.
/// </summary>
internal sealed class DockerNetworks(DockerDaemon daemon, SandboxOptions options)
{
    private const int Tries = 20;

    // Bridges are named for the settings whose rules they stand under: two runners of one machine may differ.
    private readonly string family =
        "tgd"
        + Convert.ToHexStringLower(
            SHA256.HashData(
                Encoding.UTF8.GetBytes(
                    string.Join(
                        '\n',
                        [options.DockerNetwork, .. options.DeniedNetworks, "", .. options.AllowedNetworks]
                    )
                )
            )
        )[..4];

    /// <summary>Makes a sandbox's own network and gives its id.</summary>
    /// <exception cref="SandboxException">It cannot be made, or cannot be filtered.</exception>
    public async Task<string> MakeAsync(IDictionary<string, string> labels, CancellationToken stop)
    {
        if (!options.DockerUnfiltered)
            await FilterAsync(stop);
        for (var tries = 1; ; tries++)
        {
            var bridge = $"{family}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3))}";
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

    // Each time: a firewall that was loaded anew has thrown ours away.
    private async Task FilterAsync(CancellationToken stop)
    {
        if (Posix.UserId != 0)
            throw new SandboxException(
                "Only root can filter what a container reaches, and this runner is not root. Remedy: run it as root, "
                    + "use engine native, set Runner:Network=None, or, for code that you trust, "
                    + "Sandbox:DockerUnfiltered=true."
            );
        using var nft = ChildProgram.Start([], "nft", "-f", "-");
        await nft.StandardInput.WriteAsync(Rules().AsMemory(), stop);
        nft.StandardInput.Close();
        var said = await nft.StandardError.ReadToEndAsync(stop);
        await nft.WaitForExitAsync(stop);
        if (nft.ExitCode != 0)
            throw new SandboxException($"nft refused the filter for containers: {said.Trim()}");
    }

    // Before Docker's own chains (priority 0), which may accept. Names are asked from inside the container, so the
    // machine's name servers stay open on their port. The input chain is this machine: all of its addresses.
    private string Rules()
    {
        var table = $"testgrid_{family}";
        var names = NameServers();
        var ask =
            names.Count == 0
                ? ""
                : $"ip daddr {{ {string.Join(", ", names)} }} meta l4proto {{ tcp, udp }} th dport 53 accept";
        var allow =
            options.AllowedNetworks.Count == 0
                ? ""
                : $"ip daddr {{ {string.Join(", ", options.AllowedNetworks)} }} accept";
        var closed = string.Join(", ", Egress.Closed.Concat(options.DeniedNetworks).Distinct());
        return $$"""
            table inet {{table}}
            delete table inet {{table}}
            table inet {{table}} {
              set closed { type ipv4_addr; flags interval; auto-merge; elements = { {{closed}} } }
              chain forward {
                type filter hook forward priority -10; policy accept;
                iifname != "{{family}}-*" accept
                ct state established,related accept
                {{ask}}
                {{allow}}
                ip daddr @closed reject with icmpx type admin-prohibited
                meta nfproto ipv6 reject with icmpx type admin-prohibited
                tcp dport { 25, 465, 587 } reject with tcp reset
              }
              chain input {
                type filter hook input priority -10; policy accept;
                iifname != "{{family}}-*" accept
                ct state established,related accept
                {{ask}}
                reject with icmpx type admin-prohibited
              }
              chain leave {
                type nat hook postrouting priority 100; policy accept;
                ip saddr {{options.DockerNetwork}} ip daddr != {{options.DockerNetwork}} masquerade
              }
            }

            """;
    }

    private static List<string> NameServers() =>
        [
            .. File.ReadLines("/etc/resolv.conf")
                .Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
                .Where(words => words is ["nameserver", _, ..])
                .Select(words => IPAddress.TryParse(words[1], out var address) ? address : IPAddress.IPv6None)
                .Where(address => address.AddressFamily is AddressFamily.InterNetwork && !IPAddress.IsLoopback(address))
                .Select(address => address.ToString())
                .Distinct(),
        ];

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
