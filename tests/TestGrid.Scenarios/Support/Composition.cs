using TestGrid.Tests.Support;

namespace TestGrid.Scenarios.Support;

/// <summary>One of the repository's compose files, brought up as docs/deploy.md says, with images that were made here.</summary>
internal sealed class Composition : IAsyncDisposable
{
    private readonly TestDocker docker;
    private readonly TempFolder folder;
    private readonly Dictionary<string, string> environment;
    private readonly string[] runners;

    /// <param name="images">Where it runs.</param>
    /// <param name="file">A file of <c>deploy/</c>.</param>
    /// <param name="repository">A folder that its services see where it is here: there is no git host.</param>
    /// <param name="runners">Its services that run jobs.</param>
    public Composition(TestImages images, string file, string repository, params string[] runners)
    {
        (docker, folder, this.runners) = (images.Docker, new TempFolder(), runners);
        var bundles = Path.Combine(SourcePackage.Cache, "bundles");
        // Beside the file as it is, only what a machine without a git host and a network needs.
        var services = runners.Select(runner =>
            $"  {runner}:\n    environment: {{TESTGRID_BUNDLES__ROOTPATH: {bundles}}}\n"
            + $"    volumes: ['{repository}:{repository}:ro', '{bundles}:{bundles}']\n"
        );
        File.WriteAllText(
            At("here.yaml"),
            $"services:\n  server:\n    volumes: ['{repository}:{repository}:ro']\n{string.Concat(services)}"
        );
        File.WriteAllText(At("runner-token"), "");
        File.WriteAllText(At("broker-password"), "not-a-secret-of-anyone\n");
        environment = new Dictionary<string, string>
        {
            ["COMPOSE_FILE"] = $"{Path.Combine(images.Home, "deploy", file)}:{At("here.yaml")}",
            ["COMPOSE_PROJECT_NAME"] = "testgrid",
            ["TESTGRID_SERVER_IMAGE"] = TestImages.Server,
            ["TESTGRID_RUNNER_IMAGE"] = TestImages.Runner,
            ["TESTGRID_BROKER_IMAGE"] = TestImages.Broker,
            ["TESTGRID_RUNNER_TOKEN"] = At("runner-token"),
            ["TESTGRID_BROKER_PASSWORD"] = At("broker-password"),
            ["TESTGRID_PORT"] = "127.0.0.1:", // any that is free
        };
    }

    /// <summary>The server and what it needs; then, with a token that it makes, its runners.</summary>
    public async Task<TestGridProcess> UpAsync(CancellationToken stop)
    {
        await RunAsync(stop, "up", "--detach", "server");
        await HealthyAsync(docker, await RunAsync(stop, "ps", "--quiet", "server"), stop);
        string[] ask = ["exec", "-T", "server"];
        var made = await RunAsync(
            stop,
            [.. ask, "testgrid", "runner", "token", "create", "here", "--token-file", "/var/lib/testgrid/admin-token"]
        );
        await File.WriteAllTextAsync(At("runner-token"), made + "\n", stop);
        await RunAsync(stop, ["up", "--detach", .. runners]);
        var token = await RunAsync(stop, [.. ask, "cat", "/var/lib/testgrid/admin-token"]);
        var address = await RunAsync(stop, "port", "server", "8080");
        var said = ProgramProcess.Start(docker.Begin(environment, "docker-compose", "logs", "--follow", "--no-color"));
        return TestGridProcess.At(new Uri($"http://{address}"), token, said, "/var/lib/testgrid");
    }

    /// <summary>Runs docker-compose over it.</summary>
    public Task<string> RunAsync(CancellationToken stop, params string[] words) =>
        docker.RunAsync(environment, stop, ["docker-compose", .. words]);

    /// <summary>Waits for what a container's own health check says.</summary>
    public static async Task HealthyAsync(TestDocker docker, string container, CancellationToken stop)
    {
        var health = "";
        await Until.TrueAsync(
            () => (health = docker.Ask("inspect", "--format={{.State.Health.Status}}", container)) != "starting",
            stop
        );
        Assert.True(health == "healthy", docker.Ask("inspect", "--format={{json .State}}", container));
    }

    public async ValueTask DisposeAsync()
    {
        await RunAsync(CancellationToken.None, "down", "--volumes");
        folder.Dispose();
    }

    private string At(string name) => Path.Combine(folder.Path, name);
}
