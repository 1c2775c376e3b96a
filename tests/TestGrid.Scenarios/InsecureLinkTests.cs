using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>Plain http to another machine, which a runner's token and a job's secrets must not go over unasked.</summary>
public sealed class InsecureLinkTests : IAsyncLifetime
{
    private readonly TempFolder data = new();
    private readonly TempFolder runnerData = new();
    private TestNetwork network = null!;
    private TestHost head = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        network = await TestNetwork.StartAsync(Stop);
        head = await network.AddAsync("head", Stop);
    }

    public async ValueTask DisposeAsync()
    {
        await network.DisposeAsync();
        data.Dispose();
        runnerData.Dispose();
    }

    [Fact]
    public async Task Neither_a_runner_nor_its_server_talks_over_it_unless_both_are_told_to()
    {
        await using (var strict = await TestGridProcess.StartOnAsync(head, data.Path, Stop, "--slots", "0"))
        {
            await using var unasked = await StartAsync(strict);
            Assert.Equal(2, await unasked.ExitAsync(Stop));
            Assert.Contains("is plain http on another machine", unasked.Said, StringComparison.Ordinal);
            Assert.Contains("--allow-insecure", unasked.Said, StringComparison.Ordinal);

            await using var refused = await StartAsync(strict, "--allow-insecure");
            Assert.Equal(3, await refused.ExitAsync(Stop));
            Assert.Contains("over https only", refused.Said, StringComparison.Ordinal);
            Assert.Contains("runners.allowInsecure in testgrid.json", refused.Said, StringComparison.Ordinal);
        }
        await File.WriteAllTextAsync(
            Path.Combine(data.Path, "testgrid.json"),
            """{ "runners": { "allowInsecure": true } }""",
            Stop
        );
        await using var told = await TestGridProcess.StartOnAsync(head, data.Path, Stop, "--slots", "0");
        await using var runner = await StartAsync(told, "--allow-insecure");
        await runner.SaysAsync("is connected to", Stop);
    }

    private async Task<ProgramProcess> StartAsync(TestGridProcess server, params string[] more)
    {
        var token = Path.Combine(runnerData.Path, "runner-token");
        var made = await server.PostAsync("/api/v1/runner-tokens", new { name = "far" }, Stop);
        await File.WriteAllTextAsync(token, made.Text("token"), Stop);
        string[] arguments = ["runner", "--server", server.Url.ToString(), "--token-file", token, "--name", "far"];
        return ProgramProcess.Start([.. arguments, "--data", runnerData.Path, .. more]);
    }
}
