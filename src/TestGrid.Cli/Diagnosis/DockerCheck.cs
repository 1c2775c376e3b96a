using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace TestGrid.Cli.Diagnosis;

/// <summary>Does a Docker daemon answer, for the other sandbox engine.</summary>
internal static class DockerCheck
{
    public const string Part = "docker";
    private const string UsualSocket = "/var/run/docker.sock";
    private const string Scheme = "unix://";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static async IAsyncEnumerable<Finding> ExamineAsync(
        Ground ground,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        var needed = ground.UsesEngine("docker");
        var host = Environment.GetEnvironmentVariable("DOCKER_HOST") is { Length: > 0 } set
            ? set
            : Scheme + UsualSocket;
        if (!host.StartsWith(Scheme, StringComparison.Ordinal))
        {
            yield return Finding.Note(Part, "daemon", $"DOCKER_HOST is {host}: only a socket of this machine is asked");
            yield break;
        }
        yield return await AskAsync(host[Scheme.Length..], needed, stop);
    }

    private static async Task<Finding> AskAsync(string socket, bool needed, CancellationToken stop)
    {
        const string What = "daemon";
        if (!File.Exists(socket))
        {
            return Finding.Missing(Part, What, needed, $"no {socket}", "apt-get install docker.io");
        }
        try
        {
            using var http = new HttpClient(
                new SocketsHttpHandler
                {
                    ConnectCallback = async (_, connecting) =>
                    {
                        var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                        await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), connecting);
                        return new NetworkStream(connection, ownsSocket: true);
                    },
                }
            )
            {
                Timeout = Patience,
            };
            using var said = JsonDocument.Parse(await http.GetStringAsync(new Uri("http://docker/version"), stop));
            return Finding.Ok(Part, What, $"{said.RootElement.GetProperty("Version").GetString()} at {socket}");
        }
        catch (HttpRequestException e)
        {
            var closed = e.InnerException is SocketException { SocketErrorCode: SocketError.AccessDenied };
            return Finding.Missing(
                Part,
                What,
                needed,
                $"{socket}: {(e.InnerException ?? e).Message}",
                closed ? $"usermod -aG docker {Environment.UserName}   # as good as root" : "systemctl start docker"
            );
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or TaskCanceledException)
        {
            stop.ThrowIfCancellationRequested();
            return Finding.Missing(
                Part,
                What,
                needed,
                $"{socket} does not answer as Docker does",
                "systemctl restart docker"
            );
        }
    }
}
