using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Sample;
using TestGrid.Server.Dashboard;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Commands;

/// <summary>The sample's first build, as a git host would ask for it: a signed push through the server's own webhook.</summary>
internal static class SamplePush
{
    /// <summary>
    /// Makes, registers and pushes the sample, until it has had a build: whoever removed or changed it since then meant
    /// it. A stop between two of the steps leaves the rest to the next call.
    /// </summary>
    /// <returns>What became of it, for a person.</returns>
    /// <exception cref="CommandException">The server refused it.</exception>
    public static async Task<string> PushOnceAsync(string folder, ApiClient api, CancellationToken stop)
    {
        // The store remembers: a removed repository's builds stay.
        var built = await api.GetAsync<BuildList>(
            $"/api/v1/builds?limit=1&repository={Uri.EscapeDataString(SampleRepository.Slug)}",
            stop
        );
        if (built.Builds.Length > 0)
        {
            return $"the sample repository is in {folder}; "
                + $"build it again with: testgrid build start {SampleRepository.Slug}";
        }
        SampleRepository.Make(folder, TimeProvider.System.GetUtcNow());
        var secret = await SecretAsync(folder, api, stop);
        var build = await PostAsync(api.Address, SampleRepository.Push(folder), secret, stop);
        return $"pushed the sample repository in {folder} through the webhook: {build}";
    }

    private static async Task<string> SecretAsync(string folder, ApiClient api, CancellationToken stop)
    {
        var all = await api.GetAsync<RepositoryRecord[]>("/api/v1/repositories", stop);
        if (Array.Find(all, one => one.Slug == SampleRepository.Slug) is not { } left)
        {
            var added = await api.PostAsync<RepositoryAdded>(
                "/api/v1/repositories",
                new { url = folder, slug = SampleRepository.Slug },
                stop
            );
            return added.Secret;
        }
        // Registered by an earlier call that was stopped before its push: nobody knows that secret any more.
        var shown = await api.PostAsync<HookSecretShown>($"/api/v1/repositories/{left.Id}/secret", null, stop);
        return shown.Secret;
    }

    private static async Task<string> PostAsync(Uri server, object push, string secret, CancellationToken stop)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(push);
        using var http = new HttpClient { BaseAddress = server };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/hooks/github")
        {
            Content = new ByteArrayContent(body) { Headers = { ContentType = new("application/json") } },
            Headers =
            {
                { "X-GitHub-Event", "push" },
                { "X-GitHub-Delivery", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)) },
                {
                    "X-Hub-Signature-256",
                    "sha256=" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body))
                },
            },
        };
        using var response = await http.SendAsync(request, stop);
        if (response.StatusCode is not HttpStatusCode.Accepted)
        {
            throw new CommandException(
                $"the webhook of the sample repository was answered {(int)response.StatusCode}: "
                    + await response.Content.ReadAsStringAsync(stop)
            );
        }
        return new Uri(server, response.Headers.Location!).ToString();
    }
}
