using System.Net;
using System.Net.NetworkInformation;

namespace TestGrid.Runner.Bundles.Imports;

/// <summary>Where nothing goes that a repository asks for: this machine, its networks, and what is nobody's on the internet.</summary>
internal static class ClosedAddresses
{
    /// <summary>
    /// Private, shared, link-local (cloud metadata), multicast and reserved: RFC 6890's list without documentation nets.
    /// </summary>
    public static readonly string[] Ipv4 =
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

    // What holds an address of version 4 in another clothing (NAT64, 6to4, Teredo, compatible) is closed as a whole.
    private static readonly string[] Ipv6 =
    [
        "::/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/32",
        "2002::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ];

    private static readonly IPNetwork[] All = [.. Ipv4.Concat(Ipv6).Select(text => IPNetwork.Parse(text))];

    /// <summary>Whether the address is in one of them, or is one of this machine's own.</summary>
    public static bool Has(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return All.Any(network => network.Contains(plain)) || IsOurs(plain);
    }

    private static bool IsOurs(IPAddress address) =>
        NetworkInterface
            .GetAllNetworkInterfaces()
            .SelectMany(one => one.GetIPProperties().UnicastAddresses)
            .Any(one => one.Address.Equals(address));
}
