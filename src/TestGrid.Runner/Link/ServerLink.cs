using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;

namespace TestGrid.Runner.Link;

/// <summary>
/// A remote runner's way to its server: outgoing calls only, each with an end. Whether the server is away is told to the
/// log once, and once that it is back. Called from many threads at once.
/// </summary>
public sealed partial class ServerLink : IDisposable
{
    /// <summary>Carries <see cref="LinkOptions.Place"/>.</summary>
    public const string PlaceHeader = "X-TestGrid-Place";

    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(3);

    private readonly LinkOptions options;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly HttpClient http;
    private long awaySince; // a timestamp; 0 while it is here
    private string refused = ""; // told once, not at each try

    public ServerLink(LinkOptions options, TimeProvider time, ILogger<ServerLink> log)
    {
        (this.options, this.time, this.log) = (options, time, log);
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(5),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // or a name that moved would never be looked up again
            AllowAutoRedirect = false, // a token goes to the server it was made by, and nowhere else
            UseCookies = false,
        };
        http = new HttpClient(handler) { BaseAddress = options.Server, Timeout = Timeout.InfiniteTimeSpan };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", options.Token);
        http.DefaultRequestHeaders.Add(PlaceHeader, options.Place);
    }

    /// <summary>How long one call may take, when it is not held on purpose.</summary>
    public TimeSpan Patience => options.Patience;

    /// <summary>Whether the last call reached the server.</summary>
    public bool IsAway => Volatile.Read(ref awaySince) != 0;

    /// <summary>Sends JSON and reads JSON; null when the server answered 204 or 404.</summary>
    /// <exception cref="ServerAwayException">No answer, or not from a server that is well.</exception>
    /// <exception cref="ServerRefusedException">The server says no.</exception>
    public async ValueTask<TReply?> PostAsync<TBody, TReply>(
        string path,
        TBody body,
        (JsonTypeInfo<TBody> Body, JsonTypeInfo<TReply> Reply) json,
        CancellationToken stop
    )
        where TReply : class
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = JsonContent.Create(body, json.Body),
        };
        return await AskAsync(request, json.Reply, options.Patience, stop);
    }

    /// <inheritdoc cref="PostAsync"/>
    /// <param name="patience">How much longer than usual this call may take: the server holds it until it has something.</param>
    public async ValueTask<TReply?> AskAsync<TReply>(
        HttpRequestMessage request,
        JsonTypeInfo<TReply> reply,
        TimeSpan patience,
        CancellationToken stop
    )
        where TReply : class
    {
        using var limit = new CancellationTokenSource(patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, both.Token);
            if (response.StatusCode is HttpStatusCode.NoContent or HttpStatusCode.NotFound)
            {
                Back();
                return null;
            }
            await CheckAsync(response, both.Token);
            var read = await response.Content.ReadFromJsonAsync(reply, both.Token);
            Back();
            return read;
        }
        catch (Exception e) when (IsAwayBy(e, stop))
        {
            throw Away(
                e is OperationCanceledException ? $"no answer within {patience.TotalSeconds:0} s" : e.Message,
                e
            );
        }
    }

    /// <summary>The body of an answer as it comes, or null when the server has no such thing. Dispose it.</summary>
    /// <inheritdoc cref="PostAsync"/>
    public async ValueTask<Stream?> StreamAsync(string path, CancellationToken stop)
    {
        using var limit = new CancellationTokenSource(options.Patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        try
        {
            var response = await http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, both.Token);
            if (response.StatusCode is HttpStatusCode.NotFound)
            {
                response.Dispose();
                return null;
            }
            await CheckAsync(response, both.Token);
            Back();
            return await response.Content.ReadAsStreamAsync(stop);
        }
        catch (Exception e) when (IsAwayBy(e, stop))
        {
            throw Away(e.Message, e);
        }
    }

    /// <summary>Stands between two tries: longer with each, and not at the same moment as everybody else.</summary>
    public Task PauseAsync(int failures, CancellationToken stop)
    {
        var most = Math.Min(PauseMax.TotalMilliseconds, 100 * Math.Pow(2, Math.Min(failures, 10)));
        var pause = TimeSpan.FromMilliseconds(most * (0.5 + RandomNumberGenerator.GetInt32(500) / 1000.0));
        return Task.Delay(pause, time, stop);
    }

    public void Dispose() => http.Dispose();

    private async Task CheckAsync(HttpResponseMessage response, CancellationToken stop)
    {
        if (response.IsSuccessStatusCode)
            return;
        var status = (int)response.StatusCode;
        var said = await SaidAsync(response, stop);
        if (status is 408 or 429 or >= 500)
            throw new ServerAwayException($"it answered {status}: {said}");
        Back(); // it answers, though not what we wish
        if (Interlocked.Exchange(ref refused, said) != said)
            Refused(log, options.Server, status, said);
        throw new ServerRefusedException(status, said);
    }

    private static async Task<string> SaidAsync(HttpResponseMessage response, CancellationToken stop)
    {
        try
        {
            using var problem = await JsonDocument.ParseAsync(
                await response.Content.ReadAsStreamAsync(stop),
                cancellationToken: stop
            );
            string? Text(string name) =>
                problem.RootElement.TryGetProperty(name, out var value) ? value.GetString() : null;
            return string.Join(". ", new[] { Text("title"), Text("detail") }.OfType<string>());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return response.ReasonPhrase ?? "it did not say why"; // something between us and the server answered
        }
    }

    private static bool IsAwayBy(Exception e, CancellationToken stop) =>
        e is HttpRequestException or IOException or ServerAwayException or JsonException
        || (e is OperationCanceledException && !stop.IsCancellationRequested);

    private ServerAwayException Away(string why, Exception cause)
    {
        if (Interlocked.CompareExchange(ref awaySince, time.GetTimestamp(), 0) == 0)
            WentAway(log, options.Server, why);
        return cause as ServerAwayException ?? new ServerAwayException(why, cause);
    }

    private void Back()
    {
        if (Volatile.Read(ref awaySince) is var since and not 0 && Interlocked.Exchange(ref awaySince, 0) != 0)
            CameBack(log, options.Server, (int)time.GetElapsedTime(since).TotalSeconds);
    }

    [LoggerMessage(
        LogLevel.Warning,
        "The server at {Server} is away: {Why}. What jobs tell is kept here until it is back"
    )]
    private static partial void WentAway(ILogger log, Uri server, string why);

    [LoggerMessage(LogLevel.Warning, "The server at {Server} says no ({Status}): {Why}")]
    private static partial void Refused(ILogger log, Uri server, int status, string why);

    [LoggerMessage(LogLevel.Warning, "The server at {Server} is back, after {Seconds} s")]
    private static partial void CameBack(ILogger log, Uri server, int seconds);
}
