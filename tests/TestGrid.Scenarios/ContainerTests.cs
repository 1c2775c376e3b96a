using System.Text.Json;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>The images that the Dockerfile makes: built here, started as docs/deploy.md says, with a push through them.</summary>
[Trait("Slow", "true")]
public sealed class ContainerTests(TestImages images) : IClassFixture<TestImages>, IDisposable
{
    // What deploy/compose.yaml gives the runner.
    private static readonly string[] WhatARunnerNeeds =
    [
        "--cap-add=SYS_ADMIN",
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
        "--device=/dev/net/tun",
        "--volume=/sys/fs/cgroup:/sys/fs/cgroup",
    ];

    private const string Config = """
        script:
          - echo "I am $(id -un)"
          - if curl -sS --max-time 5 http://169.254.169.254/; then exit 1; fi

        """;

    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_server_is_nobody_and_plans_a_push_without_any_right()
    {
        using var repository = Repository("script: true\n");
        var data = Path.Combine(folder.Path, "data");
        Directory.CreateDirectory(data);
        await images.RunAsync(Stop, "chown", "10001:10001", data);

        await using var server = await ListensAsync(
            data,
            [
                "run",
                "--rm",
                "--name=planner",
                "--network=host",
                "--read-only",
                "--tmpfs=/tmp",
                "--cap-drop=ALL",
                "--security-opt=no-new-privileges",
                $"--volume={data}:/var/lib/testgrid",
                $"--volume={repository.Folder}:{repository.Folder}:ro",
                TestImages.Server,
                "server",
                "--listen",
                "http://127.0.0.1:0",
            ]
        );
        var secret = await server.RegisterAsync(repository.Folder, "container/plans", Stop);
        var id = await server.PushAsync(repository, "container/plans", secret, Stop);
        var job = await PlannedAsync(server, id);

        Assert.Equal("waiting", job.Text("state"));
        Assert.Equal("10001", await images.RunAsync(Stop, "docker", "exec", "planner", "id", "-u"));
        await images.RunAsync(
            Stop,
            "docker",
            "exec",
            "planner",
            "testgrid",
            "doctor",
            "--listen",
            "http://127.0.0.1:0"
        );
        Assert.Contains("TestGrid", await server.Http.GetStringAsync("/", Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_image_itself_says_when_its_server_is_ready()
    {
        var id = await images.RunAsync(Stop, "docker", "run", "--detach", "--network=none", TestImages.Server);
        await Composition.HealthyAsync(images.Docker, id, Stop);
        await images.RunAsync(Stop, "docker", "rm", "--force", "--volumes", id);
        var labels = await images.RunAsync(
            Stop,
            "docker",
            "inspect",
            "--format={{json .Config.Labels}}",
            TestImages.Server
        );
        Assert.Equal("MIT", JsonSerializer.Deserialize<JsonElement>(labels).Text("org.opencontainers.image.licenses"));
    }

    [Fact]
    public async Task A_runner_with_the_rights_that_compose_gives_it_runs_a_job_within_its_limits()
    {
        using var repository = Repository(Config);
        var data = Path.Combine(folder.Path, "data");
        Directory.CreateDirectory(data);

        await using var server = await ListensAsync(
            data,
            [
                "run",
                "--rm",
                "--name=worker",
                "--network=host",
                .. WhatARunnerNeeds,
                $"--volume={data}:/var/lib/testgrid",
                $"--volume={repository.Folder}:{repository.Folder}:ro",
                $"--volume={Path.Combine(SourcePackage.Cache, "bundles")}:/bundles",
                TestImages.Runner,
                "server",
                "--listen",
                "http://127.0.0.1:0",
                "--bundles",
                "/bundles",
            ]
        );
        await PassesAsync(server, repository, "container/runs");

        var doctor = await images.RunAsync(
            Stop,
            "docker",
            "exec",
            "worker",
            "testgrid",
            "doctor",
            "--listen",
            "http://127.0.0.1:0"
        );
        Assert.Contains("This machine has what the settings need", doctor, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Compose_brings_up_a_server_and_a_runner_that_runs_a_job_and_takes_all_of_it_down()
    {
        using var repository = Repository(Config);
        await using (var composition = new Composition(images, "compose.yaml", repository.Folder, "runner"))
        {
            await using var server = await composition.UpAsync(Stop);
            await PassesAsync(server, repository, "composed/embedded");
        }
        AssertNothingLeft();
    }

    [Fact]
    public async Task Compose_brings_up_a_broker_too_and_two_runners_that_share_the_jobs()
    {
        await images.BuildBrokerAsync(Stop);
        using var repository = Repository(
            "env:\n" + string.Concat(Enumerable.Range(1, 8).Select(n => $"  - N={n}\n")) + "script: sleep 1\n"
        );
        await using (
            var composition = new Composition(
                images,
                "compose.rabbitmq.yaml",
                repository.Folder,
                "runner-1",
                "runner-2"
            )
        )
        {
            await using var server = await composition.UpAsync(Stop);
            var build = await PassedAsync(server, repository, "composed/broker");

            var by = build.GetProperty("jobs").EnumerateArray().Select(job => job.Text("runner")).Distinct().Order();
            Assert.Equal(["runner-1", "runner-2"], by);
            var queues = await composition.RunAsync(
                Stop,
                "exec",
                "-T",
                "broker",
                "rabbitmqctl",
                "--quiet",
                "list_queues"
            );
            Assert.Contains("testgrid.jobs\t0", queues, StringComparison.Ordinal);
        }
        AssertNothingLeft();
    }

    [Fact]
    public async Task A_runner_without_them_is_told_by_the_doctor()
    {
        var doctor = await images.RunAsync(
            Stop,
            "sh",
            "-c",
            $"docker run --rm --network=none {TestImages.Runner} doctor --json; [ $? = 3 ]"
        );

        var failures = doctor
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line))
            .Where(finding => finding.Text("level") == "failure");
        Assert.Contains(failures, finding => finding.Text("part") == "native engine");
    }

    public void Dispose() => folder.Dispose();

    private async Task<TestGridProcess> ListensAsync(string data, string[] words)
    {
        var process = ProgramProcess.Start(images.Docker.Begin(new Dictionary<string, string>(), ["docker", .. words]));
        return await TestGridProcess.ListensAsync(process, data, Stop);
    }

    private static async Task PassesAsync(TestGridProcess server, GitRepository repository, string slug)
    {
        var build = await PassedAsync(server, repository, slug);
        var log = await server.LogAsync(build.GetProperty("jobs")[0].Text("id")!, Stop);
        Assert.Contains("I am travis", log, StringComparison.Ordinal);
    }

    /// <summary>Pushes; returns the build when it has passed. A runner that never comes is told with what all of them said.</summary>
    private static async Task<JsonElement> PassedAsync(TestGridProcess server, GitRepository repository, string slug)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(TimeSpan.FromMinutes(4));
        var secret = await server.RegisterAsync(repository.Folder, slug, Stop);
        var id = await server.PushAsync(repository, slug, secret, Stop);
        try
        {
            var build = await server.FinishedAsync(id, patience.Token);
            var all = $"{build.GetRawText()}\n{server.Said}";
            Assert.True(build.GetProperty("build").Text("state") == "passed", all);
            return build;
        }
        catch (Exception e) when (patience.IsCancellationRequested && !Stop.IsCancellationRequested)
        {
            throw new InvalidOperationException($"build {id} does not end:\n{server.Said}", e);
        }
    }

    private void AssertNothingLeft()
    {
        Assert.Equal("", images.Docker.Ask("ps", "--all", "--quiet"));
        Assert.Equal("", images.Docker.Ask("volume", "ls", "--quiet"));
        Assert.Equal("", images.Docker.Ask("network", "ls", "--quiet", "--filter", "label=com.docker.compose.project"));
    }

    private GitRepository Repository(string config)
    {
        var repository = new GitRepository(Path.Combine(folder.Path, "repo")).Write(".testgrid.yml", config);
        return repository.Commit();
    }

    private static async Task<JsonElement> PlannedAsync(TestGridProcess server, long build)
    {
        await foreach (var snapshot in server.WatchBuildAsync(build, Stop))
        {
            if (snapshot.GetProperty("jobs") is var jobs && jobs.GetArrayLength() > 0)
                return jobs[0];
        }
        throw new InvalidOperationException($"build {build} was not planned\n{server.Said}");
    }
}
