using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Reporting;
using TestGrid.Server;
using TestGrid.Server.Access;
using TestGrid.Server.Dashboard;
using TestGrid.Server.Planning;
using TestGrid.Server.Store;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Server.Support;

/// <summary>The whole server on a port of its own, over a real store; only the repositories are in memory.</summary>
public sealed class TestServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly TempFolder? own;

    private TestServer(WebApplication app, MemoryCommits commits, string path, TempFolder? own)
    {
        (this.app, Commits, Path, this.own) = (app, commits, path, own);
        Url = new Uri(app.Urls.Single());
        Stranger = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = Url,
        };
        Token = File.ReadAllText(System.IO.Path.Combine(path, "admin-token")).Trim();
        Admin = new HttpClient { BaseAddress = Url };
        Admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
    }

    public Uri Url { get; }
    public string Path { get; }
    public string Token { get; }
    public MemoryCommits Commits { get; }

    /// <summary>Holds nothing.</summary>
    public HttpClient Stranger { get; }

    /// <summary>Holds the token of the local command line.</summary>
    public HttpClient Admin { get; }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<TestServer> StartAsync(
        AccessOptions? access = null,
        string? path = null,
        TimeProvider? time = null,
        QueueOptions? queue = null
    )
    {
        var own = path is null ? new TempFolder() : null;
        path ??= own!.Path;
        var commits = new MemoryCommits();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder
            .Services.AddSingleton<CommitFiles>(commits)
            .AddSingleton(
                new OfferedBundles(
                    () => commits.Recipes,
                    () => commits.Services,
                    commits.Built.GetValueOrDefault,
                    TestBundles.Own.ProblemOf
                )
            );
        builder.Services.AddSingleton(TestBundles.Store);
        builder.Services.AddSingleton(new BundleShipping(TestBundles.Store, Options.Create(new BundleOptions())));
        if (time is not null)
            builder.Services.AddSingleton(time);
        builder.Services.AddServer(
            new ServerOptions
            {
                DataPath = path,
                Queue = queue ?? new QueueOptions(),
                Access = access ?? new AccessOptions { Listen = "http://127.0.0.1:0" },
            }
        );
        var app = builder.Build();
        app.MapServer();
        await app.StartAsync(Stop);
        return new TestServer(app, commits, path, own);
    }

    public T Get<T>()
        where T : notnull => app.Services.GetRequiredService<T>();

    public async Task<RepositoryAdded> AddRepositoryAsync(string url = "/srv/us/them", string? slug = null)
    {
        using var answer = await Admin.PostAsJsonAsync("/api/v1/repositories", new { url, slug }, Stop);
        Assert.Equal(System.Net.HttpStatusCode.Created, answer.StatusCode);
        return (await ReadAsync<RepositoryAdded>(answer))!;
    }

    /// <summary>A build by hand, planned: its id.</summary>
    public async Task<long> StartBuildAsync(string slug = "us/them")
    {
        using var answer = await Admin.PostAsJsonAsync("/api/v1/builds", new { repository = slug }, Stop);
        Assert.Equal(System.Net.HttpStatusCode.Accepted, answer.StatusCode);
        var build = (await ReadAsync<BuildStarted>(answer))!.Id;
        await UntilAsync(build, detail => detail.Jobs.Length > 0 || detail.Build.FinishedAt is not null);
        return build;
    }

    /// <summary>Waits until a build is as told.</summary>
    public async Task<BuildDetail> UntilAsync(long build, Func<BuildDetail, bool> isThere)
    {
        await foreach (var bytes in Get<BuildWatcher>().WatchBuildAsync(build, Stop))
        {
            var detail = JsonSerializer.Deserialize<BuildDetail>(bytes, Json)!;
            if (isThere(detail))
                return detail;
        }
        throw new InvalidOperationException($"Build {build} ended another way.");
    }

    public async Task<JobLease> ClaimAsync(JobId job) =>
        (
            await Get<IJobReporter>().ClaimAsync(job, "one", Stop) ?? throw new InvalidOperationException("no claim")
        ).Lease;

    public async Task<HubConnection> ConnectAsync(string? token = null, string? origin = null)
    {
        var hub = new HubConnectionBuilder()
            .WithUrl(
                new Uri(Url, "/live"),
                HttpTransportType.WebSockets,
                options =>
                {
                    if (token is not null)
                        options.AccessTokenProvider = () => Task.FromResult<string?>(token);
                    if (origin is not null)
                        options.Headers.Add("Origin", origin);
                }
            )
            .AddMessagePackProtocol()
            .Build();
        await hub.StartAsync(Stop);
        return hub;
    }

    public static async Task<T?> ReadAsync<T>(HttpResponseMessage answer) =>
        await answer.Content.ReadFromJsonAsync<T>(Json, Stop);

    public static JsonSerializerOptions Json { get; } = MakeJson();

    public async ValueTask DisposeAsync()
    {
        Stranger.Dispose();
        Admin.Dispose();
        await app.StopAsync(CancellationToken.None);
        await app.DisposeAsync();
        own?.Dispose();
    }

    private static JsonSerializerOptions MakeJson()
    {
        var json = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        json.Converters.Add(new System.Text.Json.Serialization.JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
        return json;
    }
}
