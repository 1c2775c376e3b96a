using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Core.Jobs;
using TestGrid.Server.Store;

namespace TestGrid.Scenarios.Support;

/// <summary>The real program, in a process of its own, as a user starts it: on a free port, with a data folder of its own.</summary>
internal sealed class TestGridProcess : IAsyncDisposable
{
    private readonly ProgramProcess process;

    private TestGridProcess(ProgramProcess process, string data)
    {
        this.process = process;
        Data = data;
    }

    public string Data { get; }

    public required Uri Url { get; init; }

    public required string Token { get; init; }

    public required HttpClient Http { get; init; }

    public int ProcessId => process.ProcessId;

    /// <summary>Everything it wrote, for a failing test to show.</summary>
    public string Said => process.Said;

    public static Task<TestGridProcess> StartAsync(string data, CancellationToken stop, params string[] more) =>
        StartOnAsync(null, data, stop, more);

    public static async Task<TestGridProcess> StartOnAsync(
        TestHost? host,
        string data,
        CancellationToken stop,
        params string[] more
    )
    {
        var process = ProgramProcess.StartOn(
            host,
            [
                "server",
                .. more.Contains("--listen")
                    ? []
                    : (string[])["--listen", host is null ? "http://127.0.0.1:0" : $"http://{host.Address}:8080"],
                "--data",
                data,
                // All test runs share what takes minutes to build.
                "--bundles",
                Path.Combine(SourcePackage.Cache, "bundles"),
                .. more,
            ]
        );
        return await ListensAsync(process, data, stop);
    }

    /// <summary><c>testgrid up</c> on a free port; returns when it has said all that it has to say.</summary>
    public static async Task<TestGridProcess> UpAsync(
        string data,
        IReadOnlyDictionary<string, string?> environment,
        CancellationToken stop,
        params string[] more
    )
    {
        string[] usual = ["up", "--listen", "http://127.0.0.1:0", "--data", data];
        string[] bundles = ["--bundles", Path.Combine(SourcePackage.Cache, "bundles")];
        var process = ProgramProcess.StartWith(environment, null, [.. usual, .. bundles, .. more]);
        await process.SaysAsync("Ctrl-C stops everything", stop);
        var left = JsonSerializer.Deserialize<JsonElement>(
            await File.ReadAllTextAsync(Path.Combine(data, "client.json"), stop)
        );
        return At(new Uri(left.Text("url")!), left.Text("token")!, process, data);
    }

    /// <inheritdoc cref="ProgramProcess.SaysAsync"/>
    public Task<string> SaysAsync(string words, CancellationToken stop) => process.SaysAsync(words, stop);

    /// <summary>Ctrl-C; its exit code.</summary>
    public async Task<int> InterruptAsync(CancellationToken stop)
    {
        await process.InterruptAsync(stop);
        return await process.ExitAsync(stop);
    }

    /// <summary>A server that says where it listens, and keeps its data in a folder of this machine.</summary>
    public static async Task<TestGridProcess> ListensAsync(ProgramProcess process, string data, CancellationToken stop)
    {
        var listening = await process.SaysAsync("listening on ", stop);
        var token = await File.ReadAllTextAsync(Path.Combine(data, "admin-token"), stop);
        return At(new Uri(listening.Split(' ')[2].TrimEnd(',')), token.Trim(), process, data);
    }

    /// <summary>A server that runs elsewhere.</summary>
    /// <param name="url">Where it is reached.</param>
    /// <param name="token">Its administrator's.</param>
    /// <param name="process">What shows what it says.</param>
    /// <param name="data">Its data folder, there.</param>
    public static TestGridProcess At(Uri url, string token, ProgramProcess process, string data)
    {
        var started = new TestGridProcess(process, data)
        {
            Url = url,
            Token = token,
            Http = new HttpClient { BaseAddress = url, Timeout = TimeSpan.FromMinutes(30) },
        };
        started.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return started;
    }

    /// <inheritdoc cref="ProgramProcess.KillAsync"/>
    public Task KillAsync() => process.KillAsync();

    /// <inheritdoc cref="ProgramProcess.TerminateAsync"/>
    public Task TerminateAsync(CancellationToken stop) => process.TerminateAsync(stop);

    public async Task<JsonElement> GetAsync(string path, CancellationToken stop) =>
        await Http.GetFromJsonAsync<JsonElement>(path, stop);

    public async Task<JsonElement> PostAsync(string path, object body, CancellationToken stop)
    {
        using var response = await Http.PostAsJsonAsync(path, body, stop);
        var text = await response.Content.ReadAsStringAsync(stop);
        Assert.True(response.IsSuccessStatusCode, $"POST {path}: {(int)response.StatusCode} {text}");
        return text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text);
    }

    /// <summary>Registers a repository; returns its webhook secret.</summary>
    public async Task<string> RegisterAsync(string url, string slug, CancellationToken stop) =>
        (await PostAsync("/api/v1/repositories", new { url, slug }, stop)).GetProperty("secret").GetString()!;

    /// <summary>Posts a push as GitHub signs it; returns the build's id.</summary>
    public async Task<long> PushAsync(
        GitRepository repository,
        string slug,
        string secret,
        CancellationToken stop,
        string? branch = null
    ) => (await HookAsync("push", repository.PushPayload(slug, branch), secret, stop)).Build!.Value;

    /// <summary>Posts a delivery as GitHub signs it; returns the build it started, if any, and the answer's text.</summary>
    public async Task<(long? Build, string Text)> HookAsync(
        string happened,
        object payload,
        string secret,
        CancellationToken stop
    )
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(payload);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/hooks/github")
        {
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("X-GitHub-Event", happened);
        request.Headers.Add("X-GitHub-Delivery", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));
        request.Headers.Add(
            "X-Hub-Signature-256",
            "sha256=" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body))
        );
        using var response = await Http.SendAsync(request, stop);
        var text = await response.Content.ReadAsStringAsync(stop);
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode} {text}\n{Said}");
        // The answer's Location is the build's page: /builds/42
        return response.Headers.Location is { } page
            ? (long.Parse(page.ToString().Split('/')[^1], null), text)
            : (null, text);
    }

    /// <summary>The build, each time it changed, as the dashboard sees it.</summary>
    public async IAsyncEnumerable<JsonElement> WatchBuildAsync(
        long build,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        await using var hub = await ConnectAsync(stop);
        await foreach (var snapshot in hub.StreamAsync<byte[]>("Build", build, stop))
            yield return JsonSerializer.Deserialize<JsonElement>(snapshot);
    }

    /// <summary>Waits until the build is over.</summary>
    public async Task<JsonElement> FinishedAsync(long build, CancellationToken stop)
    {
        await foreach (var snapshot in WatchBuildAsync(build, stop))
        {
            if (snapshot.GetProperty("build").GetProperty("finishedAt").ValueKind is JsonValueKind.String)
                return snapshot;
        }
        throw new InvalidOperationException($"build {build} was not watched to its end\n{Said}");
    }

    /// <summary>What the only job of a build waits for, when it comes to these words; else what it said last.</summary>
    public async Task<string?> WaitsForAsync(long build, string words, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        string? last = null;
        try
        {
            await foreach (var snapshot in WatchBuildAsync(build, patience.Token))
            {
                last = snapshot
                    .GetProperty("jobs")
                    .EnumerateArray()
                    .Select(job => job.Text("waitsFor"))
                    .FirstOrDefault();
                if (last?.Contains(words, StringComparison.Ordinal) == true)
                    break;
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            // Then it never said so, and the test shows what it did say.
        }
        return last;
    }

    public async Task<string> LogAsync(string job, CancellationToken stop) =>
        await Http.GetStringAsync($"/api/v1/jobs/{job}/log", stop);

    /// <summary>Follows a job's log live until these words stand in it.</summary>
    public async Task LogHasAsync(string job, string words, CancellationToken stop)
    {
        await using var hub = await ConnectAsync(stop);
        await foreach (var snapshot in WatchBuildAsync(JobId.Parse(job, null).Build, stop))
        {
            if (snapshot.GetProperty("jobs").GetArrayLength() > 0)
                break;
        }
        var log = new StringBuilder();
        await foreach (var chunk in hub.StreamAsync<LogChunk>("Log", job, 0, 0L, stop))
        {
            log.Append(Encoding.UTF8.GetString(chunk.Bytes));
            if (log.ToString().Contains(words, StringComparison.Ordinal))
                return;
        }
        Assert.Fail($"'{words}' is not in the log of {job}:\n{log}\n{Said}");
    }

    public async Task<HubConnection> ConnectAsync(CancellationToken stop)
    {
        var hub = new HubConnectionBuilder()
            .WithUrl(
                new Uri(Url, "/live"),
                options => options.AccessTokenProvider = () => Task.FromResult<string?>(Token)
            )
            .AddMessagePackProtocol()
            .Build();
        await hub.StartAsync(stop);
        return hub;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await process.DisposeAsync();
    }
}
