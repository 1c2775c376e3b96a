using System.Net;
using System.Net.Sockets;

namespace TestGrid.Runner.Bundles.Imports;

/// <summary>
/// Which address a registry has, and where a repository's wish may lead at all: to the public internet by https, and to
/// what the operator names in <see cref="BundleOptions.Registries"/>.
/// </summary>
internal sealed class RegistryAddresses
{
    private readonly Dictionary<string, Uri> named = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="settings"><see cref="BundleOptions.Registries"/>.</param>
    /// <exception cref="BundleException">A line of it is no address.</exception>
    public RegistryAddresses(IEnumerable<string> settings)
    {
        foreach (var line in settings)
        {
            var (host, text) = line.IndexOf('=') is > 0 and var at ? (line[..at], line[(at + 1)..]) : (null, line);
            if (
                !Uri.TryCreate(text, UriKind.Absolute, out var address)
                || address.Scheme is not ("http" or "https")
                || address.AbsolutePath != "/"
                || address.UserInfo.Length > 0
            )
                throw new BundleException(
                    $"Bundles:Registries: '{line}' is no address of a registry. Remedy: write https://HOST[:PORT], "
                        + "http://HOST[:PORT], or NAME=ADDRESS for one that images call NAME."
                );
            named[host ?? address.Authority] = address;
        }
    }

    /// <summary>
    /// A person at this machine names the registry: it may be anywhere, and one on the machine itself speaks plain http, as
    /// docker has it.
    /// </summary>
    public void Trust(string registry)
    {
        var place = Of(registry);
        if (!named.ContainsKey(registry))
            named[registry] = place.IsLoopback
                ? new UriBuilder(place) { Scheme = "http", Port = place.Port }.Uri
                : place;
    }

    /// <summary>Where a registry is, by its name in references.</summary>
    /// <exception cref="BundleException">That is no host.</exception>
    public Uri Of(string registry)
    {
        if (named.TryGetValue(registry, out var known))
            return known;
        return Uri.TryCreate($"https://{registry}", UriKind.Absolute, out var address)
            ? address
            : throw new BundleException($"{registry} is no host of a registry.");
    }

    /// <summary>Whether the operator has named this very place.</summary>
    public bool IsNamed(Uri place) =>
        named.Values.Any(one => one.Scheme == place.Scheme && one.Authority == place.Authority);

    /// <summary>Refuses what nobody may be sent to: plain http, and what is no name of the public internet.</summary>
    /// <exception cref="BundleException">It is refused; the message says why.</exception>
    public void Check(Uri place)
    {
        if (IsNamed(place))
            return;
        if (place.Scheme != "https")
            throw Refused(place, "it is not https");
        if (IPAddress.TryParse(place.Host.Trim('[', ']'), out var address) && ClosedAddresses.Has(address))
            throw Refused(place, "it is an address of this machine, of a private network, or nobody's");
    }

    /// <summary>The addresses of a place that may be gone to.</summary>
    /// <exception cref="BundleException">It has none.</exception>
    /// <exception cref="SocketException">The name is not known.</exception>
    public async Task<IPAddress[]> ResolveAsync(Uri place, CancellationToken stop)
    {
        var all = await Dns.GetHostAddressesAsync(place.IdnHost.Trim('[', ']'), stop);
        if (IsNamed(place))
            return all;
        IPAddress[] open = [.. all.Where(address => !ClosedAddresses.Has(address))];
        return open.Length > 0 ? open : throw Refused(place, "it is on this machine or in a private network");
    }

    /// <summary>
    /// Connects for a question to any place, its redirects too. A proxy goes where it is sent, so the place is looked at
    /// first; a name that only the proxy can look up is its business.
    /// </summary>
    /// <exception cref="BundleException">The place is none that may be gone to.</exception>
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken stop)
    {
        var (place, end) = (context.InitialRequestMessage.RequestUri!, context.DnsEndPoint);
        var isProxied = end.Host != place.IdnHost || end.Port != place.Port;
        IPAddress[] open = [];
        try
        {
            open = await ResolveAsync(place, stop);
        }
        catch (SocketException) when (isProxied) { }
        // What was looked up is what is gone to: a name that is another address the next time helps nobody.
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await (
                isProxied ? socket.ConnectAsync(end.Host, end.Port, stop) : socket.ConnectAsync(open, end.Port, stop)
            );
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static BundleException Refused(Uri place, string why) =>
        new(
            $"{place.GetLeftPart(UriPartial.Authority)} is not asked for an image: {why}. Remedy: whoever runs TestGrid can "
                + "name it in Bundles:Registries."
        );
}
