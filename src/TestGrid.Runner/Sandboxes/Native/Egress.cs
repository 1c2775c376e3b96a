using System.Diagnostics;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// The way out of a pod: slirp4netns carries its packets as an ordinary program of the host, and a packet filter inside
/// the pod's network namespace, which the job has no right to change, says where to.
/// </summary>
internal static class Egress
{
    // Private, shared, link-local (cloud metadata), multicast and reserved: RFC 6890's list without documentation nets.
    internal static readonly string[] Closed =
    [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
    ];

    // slirp4netns chats on its standard output, so its word of being ready takes another file.
    private const string Start = "exec \"$@\" 3>&1 >&2";

    // Where the device is closed, a root runner shows slirp4netns another node of it, in a mount namespace of its own:
    // better than to run it as root, and than to change the machine.
    private const string MakeTun =
        "mount -t tmpfs -o size=4k,mode=755,noexec testgrid /dev/net && mknod -m 666 /dev/net/tun c 10 200 && ";

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
    /// Starts slirp4netns and returns when the pod's network is up. It runs with the pod's ids, not ours, so a hole in
    /// it is a hole into an ordinary user. It ends when its standard input does: with us, however we end.
    /// </summary>
    /// <exception cref="SandboxException">It is not installed, or the machine refused it.</exception>
    public static async Task<Process> StartAsync(int podProcess, ControlGroup group, CancellationToken stop)
    {
        ChildProgram.Find("slirp4netns");
        var process = ChildProgram.Start(
            group.JoinFiles,
            [
                .. TunIsOpen || Posix.UserId != 0
                    ? (string[])["sh", "-c", Start, "sh"]
                    : ["unshare", "--mount", "--propagation", "private", "sh", "-c", MakeTun + Start, "sh"],
                "nsenter",
                $"--target={podProcess}",
                "--user",
                "--",
                "slirp4netns",
                "--configure",
                "--mtu=65520",
                "--disable-host-loopback",
                "--enable-seccomp",
                "--ready-fd=3",
                "--exit-fd=0",
                "--netns-type=path",
                $"/proc/{podProcess}/ns/net",
                "tap0",
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
