using System.Net;
using System.Net.Sockets;

namespace TestGrid.Tests.Support;

/// <summary>A stretch of network between a client and a server of this machine, which can be cut and mended.</summary>
public sealed class Cable : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource over = new();
    private readonly Lock gate = new();
    private readonly List<TcpClient> ends = [];
    private Uri server;
    private readonly Task accepting;
    private bool cut;

    public Cable(Uri server)
    {
        this.server = server;
        listener.Start();
        Url = new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");
        accepting = AcceptAsync();
    }

    /// <summary>The client's end.</summary>
    public Uri Url { get; }

    /// <summary>From now on it leads to another server: one that started again, on another port.</summary>
    public void LeadTo(Uri other) => Volatile.Write(ref server, other);

    /// <summary>Every connection breaks, and none is made.</summary>
    public void Cut()
    {
        lock (gate)
        {
            cut = true;
            foreach (var end in ends)
                end.Dispose();
            ends.Clear();
        }
    }

    public void Mend()
    {
        lock (gate)
            cut = false;
    }

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        listener.Dispose();
        Cut();
        await accepting;
        over.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!over.IsCancellationRequested)
        {
            TcpClient near;
            try
            {
                near = await listener.AcceptTcpClientAsync(over.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
            _ = CarryAsync(near);
        }
    }

    private async Task CarryAsync(TcpClient near)
    {
        var far = new TcpClient();
        lock (gate)
        {
            if (cut)
            {
                near.Dispose();
                far.Dispose();
                return;
            }
            ends.Add(near);
            ends.Add(far);
        }
        try
        {
            var to = Volatile.Read(ref server);
            await far.ConnectAsync(to.Host, to.Port, over.Token);
            var (here, there) = (near.GetStream(), far.GetStream());
            await Task.WhenAny(here.CopyToAsync(there, over.Token), there.CopyToAsync(here, over.Token));
        }
        catch (Exception e)
            when (e is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // Cut.
        }
        near.Dispose();
        far.Dispose();
    }
}
