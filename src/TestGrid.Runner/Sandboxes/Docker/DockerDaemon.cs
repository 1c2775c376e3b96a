using System.Net.Sockets;
using System.Text.Json;
using Docker.DotNet;
using Docker.DotNet.Models;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>The daemon behind the socket: asked in one place, so that its refusals are told in words with a remedy.</summary>
internal sealed class DockerDaemon : IDisposable
{
    /// <summary>Docker 20.10, of 2020: the first that keeps a job from the host's control groups.</summary>
    private static readonly System.Version OldestApi = new(1, 41);

    private readonly DockerClient client;
    private volatile SystemInfoResponse? known;

    public DockerDaemon(SandboxOptions options)
    {
        var address = new Uri(options.DockerHost);
        Socket = address.LocalPath;
        // Importing and waiting take as long as they take; whoever asks has a token.
        client = new DockerClientConfiguration(address, defaultTimeout: Timeout.InfiniteTimeSpan).CreateClient();
    }

    /// <summary>The socket's path.</summary>
    public string Socket { get; }

    /// <summary>What the daemon says of itself, asked once.</summary>
    /// <exception cref="SandboxException">It is away, or too old.</exception>
    public async Task<SystemInfoResponse> InfoAsync(CancellationToken stop)
    {
        if (known is { } info)
            return info;
        var version = await AskAsync("tell its version", docker => docker.System.GetVersionAsync(stop));
        if (!System.Version.TryParse(version.APIVersion, out var api) || api < OldestApi)
            throw new SandboxException(
                $"The Docker daemon at {Socket} is {version.Version} (API {version.APIVersion}): too old. "
                    + $"Remedy: install Docker 20.10 (API {OldestApi}) or later."
            );
        return known = await AskAsync("describe itself", docker => docker.System.GetSystemInfoAsync(stop));
    }

    /// <param name="what">What is asked for, to follow «The Docker daemon could not».</param>
    /// <param name="ask">The question.</param>
    /// <exception cref="SandboxException">It is away, or refused; the message says which, and what mends it.</exception>
    public async Task<T> AskAsync<T>(string what, Func<DockerClient, Task<T>> ask)
    {
        try
        {
            return await ask(client);
        }
        catch (Exception e) when (Explain(what, e) is { } told)
        {
            throw told;
        }
    }

    /// <inheritdoc cref="AskAsync{T}"/>
    public Task AskAsync(string what, Func<DockerClient, Task> ask) =>
        AskAsync(
            what,
            async docker =>
            {
                await ask(docker);
                return true;
            }
        );

    /// <summary>Asks for what may be gone already: null when the daemon knows no such thing.</summary>
    public async Task<T?> FindAsync<T>(string what, Func<DockerClient, Task<T>> ask)
        where T : class
    {
        try
        {
            return await AskAsync(what, ask);
        }
        catch (SandboxException e)
            when (e.InnerException is DockerApiException { StatusCode: System.Net.HttpStatusCode.NotFound })
        {
            return null;
        }
    }

    /// <summary>Removes something; that it is gone already is no error.</summary>
    /// <exception cref="SandboxException">It cannot be removed.</exception>
    public Task ForgetAsync(string what, Func<DockerClient, Task> remove) =>
        FindAsync(
            what,
            async docker =>
            {
                await remove(docker);
                return what;
            }
        );

    public void Dispose() => client.Dispose();

    private SandboxException? Explain(string what, Exception e)
    {
        switch (e)
        {
            case DockerApiException refused:
                var said = Words(refused.ResponseBody);
                var full = said.Contains("no space left on device", StringComparison.OrdinalIgnoreCase);
                return new SandboxException(
                    $"The Docker daemon could not {what}: {said}"
                        + (
                            full ? ". Its disk is full. Remedy: docker system prune, or give its data folder more." : ""
                        ),
                    e
                );
            case UnauthorizedAccessException:
            case HttpRequestException or SocketException or IOException or TimeoutException:
                var cause = e.GetBaseException();
                var closed = cause is SocketException { SocketErrorCode: SocketError.AccessDenied };
                return new SandboxException(
                    $"The Docker daemon at {Socket} does not answer: {cause.Message}. Remedy: "
                        + (
                            closed
                                ? $"usermod -aG docker {Environment.UserName}, and start the runner again."
                                : "apt-get install docker.io && systemctl start docker, or set Sandbox:DockerHost."
                        ),
                    e
                );
            default:
                return null;
        }
    }

    // {"message":"…"}
    private static string Words(string? body)
    {
        try
        {
            using var json = JsonDocument.Parse(body ?? "");
            return json.RootElement.GetProperty("message").GetString()!.Trim();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return (body ?? "").Trim();
        }
    }
}
