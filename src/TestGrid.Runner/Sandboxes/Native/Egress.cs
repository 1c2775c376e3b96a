using System.Diagnostics;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using TestGrid.Runner.Bundles.Imports;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// The way out of a pod: slirp4netns carries its packets as an ordinary program of the host, and a packet filter inside
/// the pod's network namespace, which the job has no right to change, says where to.
/// </summary>
internal static class Egress
{
    internal static string[] Closed => ClosedAddresses.Ipv4;

    /// <summary>
    /// The packet filter. The host's own addresses are closed too, public ones included: what listens on the host for
    /// its neighbours (a broker, a database) is not the job's.
    /// </summary>
    public static string Rules(SandboxOptions options) =>
        $$"""
            table inet testgrid {
              set closed { type ipv4_addr; flags interval; auto-merge; elements = { {{string.Join(
                ", ",
                ClosedNetworks(options)
            )}} } }
              chain out {
                type filter hook output priority 0; policy accept;
                oif lo accept
                ct state established,related accept
                ip daddr {{PodFiles.NameServer}} udp dport 53 accept
                ip daddr {{PodFiles.NameServer}} tcp dport 53 accept
                {{AllowRule(options)}}
                ip daddr @closed reject with icmpx type admin-prohibited
                meta nfproto ipv6 reject with icmpx type admin-prohibited
                tcp dport { 25, 465, 587 } reject with tcp reset
              }
            }

            """;

    /// <summary>
    /// Starts slirp4netns and returns when the pod's network is up. It runs with the pod's ids, not ours: see
    /// <c>launcher/tunnel.c</c>. It ends when its standard input does: with us, however we end.
    /// </summary>
    /// <exception cref="SandboxException">It is not installed, or the machine refused it.</exception>
    public static async Task<Process> StartAsync(int podProcess, ControlGroup group, CancellationToken stop)
    {
        ChildProgram.Find("slirp4netns");
        var process = ChildProgram.Start(
            [],
            [
                OwnLauncher.Find().FullPath,
                "tunnel",
                $"{podProcess}",
                TunIsOpen || Posix.UserId != 0 ? "open" : "closed",
                .. group.JoinFiles,
            ]
        );
        try
        {
            var ready = new byte[1];
            if (await process.StandardOutput.BaseStream.ReadAsync(ready, stop) == 1)
            {
                // Nobody reads what it says from now on, and a full pipe must not stop it.
                _ = process.StandardError.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
                return process;
            }
            var said = (await process.StandardError.ReadToEndAsync(stop)).Trim();
            throw new SandboxException(
                $"slirp4netns gave the sandbox no network: {said}"
                    + (TunIsOpen ? "" : " Open the device to all, as udev does: chmod 666 /dev/net/tun")
            );
        }
        catch
        {
            if (!process.HasExited)
                Posix.Kill(process.Id, Posix.Sigkill);
            process.Dispose();
            throw;
        }
    }

    /// <summary>Whether the pod's ids may open the tunnel device; udev makes it so, bare virtual machines do not.</summary>
    public static bool TunIsOpen =>
        Posix.Look("/dev/net/tun") is { } tun && (tun.Mode & (int)UnixFileMode.OtherWrite) != 0;

    private static IEnumerable<string> ClosedNetworks(SandboxOptions options) =>
        NetworkInterface
            .GetAllNetworkInterfaces()
            .SelectMany(one => one.GetIPProperties().UnicastAddresses)
            .Where(address => address.Address.AddressFamily is AddressFamily.InterNetwork)
            .Select(address => $"{address.Address}/32")
            .Concat(Closed)
            .Concat(options.DeniedNetworks)
            .Distinct();

    private static string AllowRule(SandboxOptions options) =>
        options.AllowedNetworks.Count == 0 ? "" : $"ip daddr {{ {string.Join(", ", options.AllowedNetworks)} }} accept";
}
