using TestGrid.Cli.Diagnosis;
using TestGrid.Cli.Serving;
using TestGrid.Tests.Runner.Sandboxes.Docker;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Cli.Diagnosis;

/// <summary>What the doctor says of the sandbox engines, over a real daemon.</summary>
[Collection(DockerCollection.Name)]
public sealed class EngineCheckTests(TestDocker docker) : IDisposable
{
    private const string NoRuntime = "/no/such/runtime";
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Auto_is_told_as_native_where_that_works()
    {
        var found = await ExamineAsync("auto", "", docker.Host);

        var chosen = found.Single(finding => finding.Part == "engine");
        Assert.Equal((FindingLevel.Ok, "auto"), (chosen.Level, chosen.What));
        Assert.StartsWith("jobs run in native", chosen.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(found, finding => finding.Level is FindingLevel.Failure);
        Assert.Contains(found, finding => finding is { Part: "docker", What: "a daemon", Level: FindingLevel.Ok });
    }

    [Fact]
    public async Task Auto_is_told_as_docker_where_native_does_not_and_why()
    {
        var found = await ExamineAsync("auto", NoRuntime, docker.Host);

        var chosen = found.Single(finding => finding.Part == "engine");
        Assert.Equal(FindingLevel.Warning, chosen.Level);
        Assert.StartsWith("jobs run in docker: the native engine lacks an OCI runtime", chosen.Detail);
        Assert.Equal("apt-get install crun", chosen.Remedy);
        Assert.DoesNotContain(found, finding => finding.Level is FindingLevel.Failure);
        Assert.Contains(found, finding => finding is { What: "an OCI runtime", Level: FindingLevel.Note });
        Assert.Contains(found, finding => finding is { Part: "docker", Level: FindingLevel.Warning });
    }

    [Fact]
    public async Task Auto_without_either_is_a_failure_of_both()
    {
        var found = await ExamineAsync("auto", NoRuntime, $"unix://{folder.Path}/none.sock");

        var failed = found.Where(finding => finding.Level is FindingLevel.Failure).Select(finding => finding.Part);
        Assert.Equal(["docker", "engine", "native engine"], failed.Distinct().Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("docker", FindingLevel.Failure)]
    [InlineData("native", FindingLevel.Note)]
    public async Task A_daemon_that_is_away_is_a_failure_for_who_uses_it(string engine, object level)
    {
        var found = await ExamineAsync(engine, "", $"unix://{folder.Path}/none.sock");

        var daemon = found.Single(finding => finding.What == "a daemon");
        Assert.Equal(level, daemon.Level);
        Assert.Contains("systemctl start docker", daemon.Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain(found, finding => finding.Part == "engine");
    }

    private async Task<List<Finding>> ExamineAsync(string engine, string runtime, string host)
    {
        var data = Path.Combine(folder.Path, "data");
        Directory.CreateDirectory(data);
        await File.WriteAllTextAsync(
            Path.Combine(data, "testgrid.json"),
            $$"""
            { "runner": { "engine": "{{engine}}" }, "sandbox": { "runtime": "{{runtime}}", "dockerHost": "{{host}}" } }
            """,
            Stop
        );
        await using var ground = Ground.Open(
            new ServingSettings(
                "http://127.0.0.1:0",
                PublicUrl: null,
                data,
                Path.Combine(TestBundles.CachePath, "bundles"),
                Slots: 1,
                Verbose: false
            )
        );
        return await EngineCheck.ExamineAsync(ground, Stop).ToListAsync(Stop);
    }
}
