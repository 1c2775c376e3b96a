using System.Net;
using System.Net.Sockets;
using TestGrid.Cli.Serving;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Diagnosis;

/// <summary>Can the server listen where it shall.</summary>
internal static class PortCheck
{
    public const string Part = "ports";

    public static IEnumerable<Finding> Examine(Ground ground)
    {
        var url = new Uri(ground.Settings.Listen);
        var what = ground.Settings.Listen;
        if (url.Port == 0)
        {
            yield return Finding.Ok(Part, what, "any that is free");
            yield break;
        }
        yield return Try(ground, url, what);
    }

    private static Finding Try(Ground ground, Uri url, string what)
    {
        var address = IPAddress.TryParse(url.DnsSafeHost, out var given) ? given : IPAddress.Loopback;
        try
        {
            using var listener = new TcpListener(address, url.Port);
            listener.Start();
            return Finding.Ok(Part, what, "free");
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse)
        {
            return Busy(ground, url, what);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AccessDenied)
        {
            return new Finding(
                Part,
                what,
                FindingLevel.Failure,
                "ports below 1024 are for root",
                $"--listen {url.Scheme}://{url.Host}:8080   # behind a proxy, or AmbientCapabilities=CAP_NET_BIND_SERVICE"
            );
        }
        catch (SocketException e)
        {
            return new Finding(Part, what, FindingLevel.Failure, e.Message, "--listen http://127.0.0.1:8080");
        }
    }

    private static Finding Busy(Ground ground, Uri url, string what)
    {
        var holder = PortHolder.Find(url.Port);
        return DataFolder.FindOwner(ground.Settings.DataPath) is { } owner && owner == holder?.ProcessId
            ? Finding.Ok(Part, what, $"the server of this data folder listens there (process {owner})")
            : new Finding(
                Part,
                what,
                FindingLevel.Failure,
                holder is null ? "another program holds it" : $"{holder} holds it",
                $"stop that, or: --listen {url.Scheme}://{url.Host}:{url.Port + 1}"
            );
    }
}
