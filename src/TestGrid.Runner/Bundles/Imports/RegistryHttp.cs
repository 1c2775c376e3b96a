using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace TestGrid.Runner.Bundles.Imports;

/// <summary>
/// Asks one registry (OCI distribution specification 1.1, pull only): with its token where it wants one, and along its
/// redirects, each of which may lead only where <see cref="RegistryAddresses"/> lets it.
/// </summary>
internal sealed class RegistryHttp : IDisposable
{
    private const int MostRedirects = 5;
    private const int MostToken = 1 << 20;
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(30);

    private readonly RegistryAddresses addresses;
    private readonly string? login;
    private readonly HttpMessageInvoker http;
    private readonly TimeProvider time;
    private AuthenticationHeaderValue? ticket;

    /// <param name="registry">Where it is.</param>
    /// <param name="addresses">Where it may lead.</param>
    /// <param name="login">For basic authentication; null of nobody.</param>
    /// <param name="through">The proxy that is set for bundles; null takes the machine's.</param>
    /// <param name="time">For patience.</param>
    public RegistryHttp(Uri registry, RegistryAddresses addresses, string? login, string? through, TimeProvider time)
    {
        (Registry, this.addresses, this.login, this.time) = (registry, addresses, login, time);
        http = new HttpMessageInvoker(
            new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                ConnectTimeout = TimeSpan.FromSeconds(20),
                MaxResponseHeadersLength = 64,
                Proxy = through is null ? null : new WebProxy(through),
                ConnectCallback = addresses.ConnectAsync,
            }
        );
    }

    public Uri Registry { get; }

    public void Dispose() => http.Dispose();

    /// <summary>The answer to a question of the registry, its headers only; a body is read by whoever asks.</summary>
    /// <param name="path">From <c>/v2/</c> on.</param>
    /// <param name="repository">Whose right to read is asked for, should the registry want a token.</param>
    /// <param name="accept">Media types.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="BundleException">It led where nothing goes, or its token cannot be had.</exception>
    /// <exception cref="HttpRequestException">It could not be reached.</exception>
    public async Task<HttpResponseMessage> GetAsync(
        string path,
        string repository,
        IEnumerable<string> accept,
        CancellationToken stop
    )
    {
        var address = new Uri(Registry, path);
        string[] types = [.. accept];
        var answer = await FollowAsync(address, types, ticket, stop);
        if (answer.StatusCode is not HttpStatusCode.Unauthorized)
            return answer;
        ticket = await TicketAsync(answer.Headers.WwwAuthenticate, repository, stop);
        answer.Dispose();
        return await FollowAsync(address, types, ticket, stop);
    }

    private async Task<HttpResponseMessage> FollowAsync(
        Uri address,
        string[] accept,
        AuthenticationHeaderValue? authorization,
        CancellationToken stop
    )
    {
        for (var hops = 0; ; hops++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            // The registry's alone: where it sends us to is another's.
            if (address.Authority == Registry.Authority && address.Scheme == Registry.Scheme)
                request.Headers.Authorization = authorization;
            foreach (var type in accept)
                request.Headers.Accept.ParseAdd(type);
            var answer = await SendAsync(request, stop);
            if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308))
                return answer;
            using (answer)
            {
                if (hops == MostRedirects || answer.Headers.Location is not { } next)
                    throw new BundleException($"{Registry.Authority} leads from one place to the next, and nowhere.");
                address = new Uri(address, next);
            }
        }
    }

    // Docker's token specification: the registry names who gives tokens, and for what.
    private async Task<AuthenticationHeaderValue> TicketAsync(
        HttpHeaderValueCollection<AuthenticationHeaderValue> wanted,
        string repository,
        CancellationToken stop
    )
    {
        if (wanted.FirstOrDefault(one => Is(one, "Basic")) is not null && login is not null)
            return new AuthenticationHeaderValue("Basic", login);
        if (wanted.FirstOrDefault(one => Is(one, "Bearer"))?.Parameter is not { } bearer)
            throw NeedsLogin(repository);
        var words = Words(bearer);
        if (!Uri.TryCreate(words.GetValueOrDefault("realm"), UriKind.Absolute, out var realm))
            throw new BundleException($"{Registry.Authority} wants a token, and does not say from where.");
        var query =
            $"scope={Uri.EscapeDataString($"repository:{repository}:pull")}"
            + (words.GetValueOrDefault("service") is { } service ? $"&service={Uri.EscapeDataString(service)}" : "");
        var address = new UriBuilder(realm);
        address.Query = address.Query.Length > 1 ? $"{address.Query[1..]}&{query}" : query;
        using var request = new HttpRequestMessage(HttpMethod.Get, address.Uri);
        if (login is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", login);
        using var answer = await SendAsync(request, stop);
        if (!answer.IsSuccessStatusCode)
            throw NeedsLogin(repository);
        try
        {
            using var body = new MemoryStream();
            await RegistryBody.CopyAsync(answer, body, MostToken, time, null, stop);
            using var token = JsonDocument.Parse(body.ToArray());
            var text = token.RootElement.TryGetProperty("token", out var given)
                ? given.GetString()
                : token.RootElement.GetProperty("access_token").GetString();
            return new AuthenticationHeaderValue("Bearer", text);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new BundleException($"{realm.Authority} gives no token that can be read: {e.Message}", e);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken stop)
    {
        var place = request.RequestUri!;
        addresses.Check(place);
        using var limit = new CancellationTokenSource(AnswerTime, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        try
        {
            return await http.SendAsync(request, both.Token);
        }
        catch (HttpRequestException e) when (e.InnerException is BundleException refused)
        {
            throw new BundleException(refused.Message, e);
        }
        catch (OperationCanceledException e) when (!stop.IsCancellationRequested)
        {
            throw new HttpRequestException($"{place.Authority} did not answer within {AnswerTime.TotalSeconds:0} s", e);
        }
    }

    public BundleException NeedsLogin(string repository) =>
        new(
            $"{Registry.Authority} does not let us read {repository}"
                + (
                    login is null
                        ? $", and nobody is known who may. Remedy: give the repository a secret {RegistryLogins.Variable}, "
                            + "USER:PASSWORD@HOST."
                        : $" with the login of {RegistryLogins.Variable}."
                )
        );

    private static bool Is(AuthenticationHeaderValue header, string scheme) =>
        header.Scheme.Equals(scheme, StringComparison.OrdinalIgnoreCase);

    private static Dictionary<string, string> Words(string text)
    {
        var words = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        // Values are quoted and may hold commas; a quote within one is in no registry's answer.
        var parts = text.Split('"');
        for (var i = 0; i + 1 < parts.Length; i += 2)
            words[parts[i].Trim(' ', ',', '=')] = parts[i + 1];
        return words;
    }
}
