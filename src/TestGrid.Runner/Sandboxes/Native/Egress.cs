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
    private const string Tun = "/dev/net/tun";
    private const UnixFileMode ForStrangers = UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
    private const string SayReady = "exec \"$@\" 3>&1 >/dev/null";
    private const string MakeTun =
        "mkdir -p /dev/net && mount -t tmpfs -o mode=755,size=4k tmpfs /dev/net"
        + $" && mknod {Tun} c 10 200 && chmod 666 {Tun}";

    // Private, shared, link-local (cloud metadata), multicast and reserved: RFC 6890's list without documentation nets.
    private static readonly string[] Closed =
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
    /// it is a hole into an ordinary user; it ends when its standard input does: with us, however we end.
    /// </summary>
    public static async Task<Process> StartAsync(int podProcess, ControlGroup group, CancellationToken stop)
    {
        string[] slirp =
        [
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
        ];
        var process = ChildProgram.Start(group.JoinFiles, [.. Prelude(), .. slirp]);
        var ready = new byte[1];
        if (await process.StandardOutput.BaseStream.ReadAsync(ready, stop) == 1 && ready[0] == (byte)'1')
            return process;

        var said = (await process.StandardError.ReadToEndAsync(stop)).Trim();
        process.Dispose();
        throw new SandboxException($"slirp4netns gave the sandbox no network: {said}");
    }

    // Its word that it is ready gets a descriptor of its own: on standard output slirp4netns also chats.
    private static string[] Prelude() =>
        NeedsTun ? ["unshare", "--mount", "sh", "-c", $"{MakeTun} && {SayReady}", "sh"] : ["sh", "-c", SayReady, "sh"];

    // slirp4netns has the pod's ids, so the tun device must be open to strangers, as udev makes it: it gives a right only
    // in a network namespace that one owns. Where it is root's alone (a machine without udev), root shows slirp4netns a
    // node of its own, in a mount namespace of its own, and leaves the machine's as it is.
    private static bool NeedsTun =>
        Posix.UserId == 0 && !(File.Exists(Tun) && (File.GetUnixFileMode(Tun) & ForStrangers) == ForStrangers);

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
        options.AllowedNetworks.IsDefaultOrEmpty
            ? ""
            : $"ip daddr {{ {string.Join(", ", options.AllowedNetworks)} }} accept";
}
