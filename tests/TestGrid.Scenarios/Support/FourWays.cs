using System.Text.Json;
using TestGrid.Tests.Support;

namespace TestGrid.Scenarios.Support;

/// <summary>
/// The real program four times, once for each pair of a queue and a sandbox engine, on a real broker and a real Docker
/// daemon. Each has a store of its own, so that the same pushes get the same numbers.
/// </summary>
public sealed class FourWays : IAsyncLifetime
{
    private readonly RabbitBroker broker = new();
    private readonly TestDocker docker = new();
    private readonly List<TempFolder> folders = [];

    /// <summary>The first is what the others are compared with: the defaults.</summary>
    internal IReadOnlyList<Way> All { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        var stop = TestContext.Current.CancellationToken;
        await Task.WhenAll(broker.StartAsync(stop), docker.InitializeAsync().AsTask());
        All = await Task.WhenAll(
            StartAsync("sqlite", "native", stop),
            StartAsync(broker.Url, "native", stop),
            StartAsync("sqlite", "docker", stop),
            StartAsync(broker.Url, "docker", stop)
        );
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(All.Select(way => way.Server.DisposeAsync().AsTask()));
        await broker.DisposeAsync();
        var left = docker.Ask("ps", "--all", "--quiet", "--filter", "label=org.testgrid.life");
        await docker.DisposeAsync();
        folders.ForEach(folder => folder.Dispose());
        Assert.Equal("", left);
    }

    // As an operator does it: the queue on the command line, the engine in testgrid.json.
    private async Task<Way> StartAsync(string queue, string engine, CancellationToken stop)
    {
        var data = new TempFolder();
        folders.Add(data);
        var settings = new
        {
            runner = new { engine },
            sandbox = new { dockerHost = docker.Host },
            // Two servers on one broker.
            queue = new { name = $"testgrid.{engine}" },
        };
        await File.WriteAllTextAsync(
            Path.Combine(data.Path, "testgrid.json"),
            JsonSerializer.Serialize(settings),
            stop
        );
        var server = await TestGridProcess.StartAsync(
            data.Path,
            stop,
            "--queue",
            queue,
            "--slots",
            "2",
            "--public-url",
            "http://testgrid.test" // a job finds it in its environment
        );
        return new Way($"{(queue == "sqlite" ? queue : "rabbitmq")} and {engine}", engine, server);
    }

    /// <param name="Name">For a failing test to say.</param>
    /// <param name="Engine">As it calls itself in a log's heading.</param>
    /// <param name="Server">The running program.</param>
    internal sealed record Way(string Name, string Engine, TestGridProcess Server);
}
