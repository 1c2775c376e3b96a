using System.CommandLine;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using TestGrid.Cli.Exits;

namespace TestGrid.Cli.Api;

/// <summary>Talks to a server's <c>/api/v1</c>, and turns what can go wrong into sentences with a remedy.</summary>
public sealed class ApiClient : IDisposable
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private readonly Connection connection;
    private readonly HttpClient http;

    public ApiClient(Connection connection)
    {
        this.connection = connection;
        http = new HttpClient { BaseAddress = connection.Url, Timeout = Timeout.InfiniteTimeSpan };
        if (connection.Token is { } token)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    public static ApiClient For(ParseResult parsed) => new(Connection.Find(parsed));

    public Uri Address => connection.Url;

    public async Task<T> GetAsync<T>(string path, CancellationToken stop)
    {
        using var response = await SendAsync(HttpMethod.Get, path, null, stop);
        return await ReadAsync<T>(response, stop);
    }

    public async Task<T> PostAsync<T>(string path, object? body, CancellationToken stop)
    {
        using var response = await SendAsync(HttpMethod.Post, path, body, stop);
        return await ReadAsync<T>(response, stop);
    }

    public async Task<T> PatchAsync<T>(string path, object body, CancellationToken stop)
    {
        using var response = await SendAsync(HttpMethod.Patch, path, body, stop);
        return await ReadAsync<T>(response, stop);
    }

    public async Task SendAsync(HttpMethod method, string path, CancellationToken stop, object? body = null)
    {
        using var _ = await SendAsync(method, path, body, stop);
    }

    /// <summary>The body as it comes, for logs.</summary>
    public async Task<Stream> StreamAsync(string path, CancellationToken stop)
    {
        var response = await SendAsync(HttpMethod.Get, path, null, stop);
        return await response.Content.ReadAsStreamAsync(stop);
    }

    public void Dispose() => http.Dispose();

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, CancellationToken stop) =>
        await response.Content.ReadFromJsonAsync<T>(Json, stop)
        ?? throw new CommandException("the server answered nothing; is it another version than this program?");

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method,
        string path,
        object? body,
        CancellationToken stop
    )
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = JsonContent.Create(body, body.GetType(), options: Json);
        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
        }
        catch (HttpRequestException e)
        {
            throw new CommandException(
                $"no server answers at {connection.Url} ({e.Message}). Start one with: testgrid up"
            );
        }
        if (response.IsSuccessStatusCode)
            return response;
        using (response)
            throw await FailureAsync(response, stop);
    }

    private async Task<CommandException> FailureAsync(HttpResponseMessage response, CancellationToken stop)
    {
        if (response.StatusCode is HttpStatusCode.Unauthorized)
        {
            return new CommandException(
                connection.Token is null
                    ? "the server wants a token: set TESTGRID_TOKEN, or run this as the user who started `testgrid up`"
                    : "the server does not know this token: it may have been revoked"
            );
        }
        string? said = null;
        try
        {
            var problem = await response.Content.ReadFromJsonAsync<ProblemText>(Json, stop);
            said = string.Join(". ", new[] { problem?.Title, problem?.Detail }.Where(text => text is { Length: > 0 }));
        }
        catch (JsonException)
        {
            // Something between us and the server answered.
        }
        return new CommandException(
            said is { Length: > 0 } ? said : $"the server answered {(int)response.StatusCode} {response.ReasonPhrase}",
            response.StatusCode is HttpStatusCode.NotFound ? ExitCodes.NotFound : ExitCodes.Broken
        );
    }

    private sealed record ProblemText(string? Title, string? Detail);
}
