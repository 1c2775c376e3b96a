using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Server.Store;

namespace TestGrid.Bench;

/// <summary>What a git host and a viewer see of a server: one push, timed from outside.</summary>
/// <param name="Accepted">POST → 202, in milliseconds.</param>
/// <param name="FirstLogByte">POST → the first byte of the log at a SignalR client.</param>
/// <param name="FirstJobByte">POST → the first byte that came out of the sandbox, at the same client.</param>
/// <param name="Finished">POST → the final state at a SignalR client.</param>
internal sealed record PushTimes(double Accepted, double FirstLogByte, double FirstJobByte, double Finished);

/// <summary>A server in a process of its own, in a group of the kernel's processor accounting.</summary>
internal sealed class Client : IAsyncDisposable
{
    private readonly Process server;
    private readonly HttpClient http;
    private readonly HubConnection hub;
    private readonly string group;
    private readonly Dictionary<string, long> repositories = [];

    private Client(Process server, HttpClient http, HubConnection hub, string group) =>
        (this.server, this.http, this.hub, this.group) = (server, http, hub, group);

    public int ProcessId => server.Id;

    public double CpuMs => Machine.CpuMs(group);

    /// <summary>Starts a server and connects; <paramref name="arguments"/> is everything behind <c>dotnet</c>.</summary>
    public static async Task<Client> StartAsync(string data, string name, params string[] arguments)
    {
        var group = CpuGroup(name);
        // A shell joins the group before it becomes the server, so that no child escapes the count.
        var start = new ProcessStartInfo("sh")
        {
            ArgumentList = { "-c", "echo $$ > \"$1/cgroup.procs\"; shift; exec dotnet \"$@\"", "sh", group },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        var server = Process.Start(start)!;
        server.ErrorDataReceived += (_, e) => Console.Error.WriteLine(e.Data);
        server.BeginErrorReadLine();
        string? line;
        do line = await server.StandardOutput.ReadLineAsync();
        while (line is not null && !line.StartsWith("listening on ", StringComparison.Ordinal));
        if (line is null)
            throw new InvalidOperationException($"{name} did not start");
        _ = server.StandardOutput.ReadToEndAsync(); // or it would stand still when the pipe is full

        var url = new Uri(line.Split(' ')[2].TrimEnd(','));
        var token = (await File.ReadAllTextAsync(Path.Combine(data, "admin-token"))).Trim();
        var http = new HttpClient { BaseAddress = url };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        var hub = new HubConnectionBuilder()
            .WithUrl(
                new Uri(url, "/live"),
                options => options.AccessTokenProvider = () => Task.FromResult<string?>(token)
            )
            .AddMessagePackProtocol()
            .Build();
        await hub.StartAsync();
        return new Client(server, http, hub, group);
    }

    public async Task<string> RegisterAsync(string folder, string slug)
    {
        using var response = await http.PostAsJsonAsync("/api/v1/repositories", new { url = folder, slug });
        response.EnsureSuccessStatusCode();
        var added = await response.Content.ReadFromJsonAsync<JsonElement>();
        repositories[slug] = added.GetProperty("repository").GetProperty("id").GetInt64();
        return added.GetProperty("secret").GetString()!;
    }

    /// <summary>Sets a secret of a registered repository.</summary>
    public async Task SetSecretAsync(string slug, string name, string value)
    {
        using var response = await http.PutAsJsonAsync(
            $"/api/v1/repositories/{repositories[slug]}/secrets/{name}",
            new { value }
        );
        response.EnsureSuccessStatusCode();
    }

    /// <summary>Posts a push and times what follows for the build's first job.</summary>
    public async Task<PushTimes> PushAsync(SampleSource source, string slug, string secret, string jobsFirstWords)
    {
        var started = Stopwatch.GetTimestamp();
        var build = await PostAsync(source, slug, secret);
        var accepted = Stopwatch.GetElapsedTime(started).TotalMilliseconds;

        var log = FirstBytesAsync(build, jobsFirstWords, started);
        var finished = await FinishedAsync(build, started);
        var (firstLog, firstJob) = await log;
        return new PushTimes(accepted, firstLog, firstJob, finished);
    }

    /// <summary>Posts a push; returns the build's id.</summary>
    public async Task<long> PostAsync(SampleSource source, string slug, string secret)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                @ref = "refs/heads/main",
                before = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(20)), // or it is the same push again
                after = source.Sha,
                created = false,
                deleted = false,
                head_commit = new
                {
                    id = source.Sha,
                    message = "A change",
                    author = new { name = "Ada", email = "ada@example.org" },
                },
                repository = new { id = 7, full_name = slug },
                // A real payload has 8.6 KB; this one is filled up to that, and each is another push.
                compare = "https://example.org/" + Convert.ToHexString(RandomNumberGenerator.GetBytes(4000)),
            }
        );
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
        using var response = await http.SendAsync(request);
        response.EnsureSuccessStatusCode();
        return long.Parse(response.Headers.Location!.ToString().Split('/')[^1], null);
    }

    /// <summary>Waits for a build's end; returns milliseconds since <paramref name="started"/>.</summary>
    public async Task<double> FinishedAsync(long build, long started)
    {
        await foreach (var bytes in hub.StreamAsync<byte[]>("Build", build))
        {
            using var snapshot = JsonDocument.Parse(bytes);
            if (snapshot.RootElement.GetProperty("build").GetProperty("finishedAt").ValueKind is JsonValueKind.String)
                return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }
        throw new InvalidOperationException($"build {build} was not watched to its end");
    }

    /// <summary>A job's log as it comes, from the moment there is a job.</summary>
    public async IAsyncEnumerable<LogChunk> LogAsync(long build)
    {
        await foreach (var bytes in hub.StreamAsync<byte[]>("Build", build))
        {
            using var snapshot = JsonDocument.Parse(bytes);
            if (snapshot.RootElement.GetProperty("jobs").GetArrayLength() > 0)
                break;
        }
        await foreach (var chunk in hub.StreamAsync<LogChunk>("Log", $"{build}.1", 0, 0L))
            yield return chunk;
    }

    public async ValueTask DisposeAsync()
    {
        await hub.DisposeAsync();
        http.Dispose();
        using (Process.Start("kill", ["-TERM", $"{server.Id}"]))
            await server.WaitForExitAsync();
        server.Dispose();
        Directory.Delete(group);
    }

    private async Task<(double Log, double Job)> FirstBytesAsync(long build, string jobsFirstWords, long started)
    {
        var (log, job) = (double.NaN, double.NaN);
        var text = new StringBuilder();
        await foreach (var chunk in LogAsync(build))
        {
            if (double.IsNaN(log))
                log = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            text.Append(Encoding.UTF8.GetString(chunk.Bytes));
            if (double.IsNaN(job) && text.ToString().Contains(jobsFirstWords, StringComparison.Ordinal))
                job = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }
        return (log, job);
    }

    private static string CpuGroup(string name)
    {
        var root = Directory.Exists("/sys/fs/cgroup/cpuacct") ? "/sys/fs/cgroup/cpuacct" : "/sys/fs/cgroup";
        var group = Path.Combine(root, $"testgrid-bench-{Environment.ProcessId}-{name}");
        Directory.CreateDirectory(group);
        return group;
    }
}
