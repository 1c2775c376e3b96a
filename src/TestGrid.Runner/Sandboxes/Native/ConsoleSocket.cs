using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// Where the OCI runtime hands over the master side of the job's terminal: the terminal is made inside the container,
/// and nothing of the host's terminals is known there.
/// </summary>
internal sealed class ConsoleSocket : IDisposable
{
    public const string Name = "console";
    private readonly Socket socket;
    private readonly string path;

    private ConsoleSocket(Socket socket, string path) => (this.socket, this.path) = (socket, path);

    public static ConsoleSocket Listen(string folder)
    {
        var path = Path.Combine(folder, Name);
        File.Delete(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var handle = Posix.OpenFolder(folder);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint($"/proc/self/fd/{handle}/{Name}"));
        }
        finally
        {
            Posix.CloseFile(handle);
        }
        // The runtime is a stranger out here. No one else can come as far as this folder.
        File.SetUnixFileMode(path, Modes.All);
        socket.Listen(1);
        return new ConsoleSocket(socket, path);
    }

    /// <summary>Waits for the terminal, or gives null when the runtime ends without having made one.</summary>
    public async Task<FileStream?> AcceptAsync(Task exited, CancellationToken stop)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var accepting = socket.AcceptAsync(both.Token).AsTask();
        if (await Task.WhenAny(accepting, exited) != accepting)
            await both.CancelAsync();
        try
        {
            return Receive(await accepting);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested && socket.Poll(0, SelectMode.SelectRead))
        {
            // A short command: all over before we came to look, and its words wait in the terminal.
            return Receive(await socket.AcceptAsync(stop));
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        socket.Dispose();
        File.Delete(path);
    }

    private static FileStream? Receive(Socket runtime)
    {
        using (runtime)
        {
            var file = Posix.ReceiveFile((int)runtime.Handle, milliseconds: 5000);
            return file < 0
                ? null
                : new FileStream(new SafeFileHandle(file, true), FileAccess.ReadWrite, bufferSize: 0);
        }
    }
}
