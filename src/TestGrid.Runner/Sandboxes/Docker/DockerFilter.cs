using System.Net;
using System.Net.Sockets;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>
/// The packet filter of this machine that says where containers get to: a table of nft for each life of a runner, for the
/// bridges of that life. Docker's own rules are neither needed nor touched.
/// </summary>
internal static class DockerFilter
{
    /// <summary>
    /// Makes it, or makes it anew: a firewall that was loaded meanwhile has thrown it away.
    /// </summary>
    /// <param name="family">What the bridges' names begin with.</param>
    /// <param name="options">The operator's settings.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="SandboxException">This machine does not allow it.</exception>
    public static async Task StandAsync(string family, SandboxOptions options, CancellationToken stop)
    {
        if (Posix.UserId != 0)
            throw new SandboxException(
                "Only root can filter what a container reaches, and this runner is not root. Remedy: run it as root, "
                    + "use engine native, set Runner:Network=None, or, for code that you trust, "
                    + "Sandbox:DockerUnfiltered=true."
            );
        if (await SayAsync(Rules(family, options), stop) is { Length: > 0 } refused)
            throw new SandboxException($"nft refused the filter for containers: {refused}");
    }

    /// <summary>Removes it, when its bridges are gone. That there is none is no error.</summary>
    public static async Task RemoveAsync(string family, CancellationToken stop)
    {
        if (Posix.UserId == 0 && ChildProgram.Search("nft") is not null)
            await SayAsync($"table inet testgrid_{family}\ndelete table inet testgrid_{family}\n", stop);
    }

    private static async Task<string> SayAsync(string rules, CancellationToken stop)
    {
        using var nft = ChildProgram.Start([], "nft", "-f", "-");
        await nft.StandardInput.WriteAsync(rules.AsMemory(), stop);
        nft.StandardInput.Close();
        var said = await nft.StandardError.ReadToEndAsync(stop);
        await nft.WaitForExitAsync(stop);
        return nft.ExitCode == 0 ? "" : $"{said.Trim()} (exit code {nft.ExitCode})";
    }

    // Before Docker's own chains (priority 0), which may accept. Names are asked from inside the container, so the
    // machine's name servers stay open on their port. The input chain is this machine: all of its addresses.
    private static string Rules(string family, SandboxOptions options)
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
}
