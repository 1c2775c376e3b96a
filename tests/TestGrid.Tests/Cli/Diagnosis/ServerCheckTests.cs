using System.Net;
using System.Net.Sockets;
using System.Text;
using TestGrid.Cli.Api;
using TestGrid.Cli.Diagnosis;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Serving;
using TestGrid.Server.Dashboard;
using TestGrid.Tests.Server.Support;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Cli.Diagnosis;

/// <summary>The doctor on a runner's machine, and the server that its runner would have.</summary>
public sealed class ServerCheckTests : IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_server_that_takes_this_runner_is_found_well_and_has_no_more_runners_than_before()
    {
        await using var server = await TestServer.StartAsync();
        var token = await RemoteSide.MakeTokenAsync(server);

        var found = await ExamineAsync(() => new Connection(server.Url, token));

        Assert.All(found, finding => Assert.True(finding.Level is FindingLevel.Ok, finding.ToString()));
        Assert.Equal([$"{server.Url}", "clock", "token", "version"], found.Select(finding => finding.What));
        Assert.Empty(server.Get<RunnerViews>().List().Runners);
    }

    [Fact]
    public async Task A_token_that_is_not_known_is_a_failure_with_the_line_that_makes_one()
    {
        await using var server = await TestServer.StartAsync();

        var finding = Worst(await ExamineAsync(() => new Connection(server.Url, "tgr_canary")));

        Assert.Equal(("token", FindingLevel.Failure), (finding.What, finding.Level));
        Assert.StartsWith("testgrid runner token create", finding.Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain("tgr_canary", finding.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_file_that_cannot_be_used_is_a_finding_like_any_other()
    {
        var finding = Assert.Single(await ExamineAsync(() => throw new CommandException("no token", ExitCodes.Usage)));

        Assert.Equal(("token", FindingLevel.Failure, "no token"), (finding.What, finding.Level, finding.Detail));
        Assert.StartsWith("testgrid runner token create", finding.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:9", "refused", "curl -sS http://127.0.0.1:9/livez ")]
    [InlineData("http://nobody.invalid", "known", "getent hosts nobody.invalid ")]
    public async Task A_server_that_is_not_reached_is_a_failure_with_the_first_step(
        string url,
        string why,
        string remedy
    )
    {
        var finding = Assert.Single(await ExamineAsync(() => new Connection(new Uri(url), "tgr_x")));

        Assert.Equal(FindingLevel.Failure, finding.Level);
        Assert.Contains(why, finding.Detail, StringComparison.Ordinal);
        Assert.StartsWith(remedy, finding.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_without_tls_where_https_is_asked_for_is_a_failure()
    {
        await using var server = await TestServer.StartAsync();
        var url = new Uri($"https://127.0.0.1:{server.Url.Port}");

        var finding = Assert.Single(await ExamineAsync(() => new Connection(url, "tgr_x")));

        Assert.Equal(FindingLevel.Failure, finding.Level);
        Assert.StartsWith("curl -sS https://", finding.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-3600, "3600 s behind", "timedatectl set-ntp true")]
    [InlineData(120, " s ahead", "timedatectl set-ntp true")]
    public async Task A_clock_that_is_wrong_is_a_warning(int ahead, string words, string remedy)
    {
        var date = DateTimeOffset.UtcNow.AddSeconds(ahead);
        var found = await AnsweredAsync(
            $"{{\"version\":\"{TestGrid.Runner.MachineOffer.Version}\",\"queue\":\"sqlite\"}}",
            date
        );

        var finding = Assert.Single(found, one => one.Level is not FindingLevel.Ok);

        Assert.Equal(("clock", FindingLevel.Warning), (finding.What, finding.Level));
        Assert.Contains(
            words,
            finding.Detail.Replace("3601", "3600", StringComparison.Ordinal),
            StringComparison.Ordinal
        );
        Assert.StartsWith(remedy, finding.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"version":"99.0","queue":"sqlite"}""", "version", FindingLevel.Warning, "install 99.0 here")]
    [InlineData("""{"version":"0.0.1","queue":"sqlite"}""", "version", FindingLevel.Warning, "on the server")]
    [InlineData("<html>", "http://", FindingLevel.Failure, "curl -sS http://")]
    public async Task Another_version_and_another_program_are_told_apart(
        string body,
        string what,
        object level,
        string remedy
    )
    {
        var finding = Worst(await AnsweredAsync(body, DateTimeOffset.UtcNow));

        Assert.StartsWith(what, finding.What, StringComparison.Ordinal);
        Assert.Equal(level, finding.Level);
        Assert.Contains(remedy, finding.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_a_runners_machine_neither_store_nor_port_is_looked_at()
    {
        await using var server = await TestServer.StartAsync();
        var token = await RemoteSide.MakeTokenAsync(server);
        await using var ground = Ground.Open(Settings(), () => new Connection(server.Url, token));

        var found = await Checkup.ExamineAsync(ground, Stop).ToListAsync(Stop);

        string[] parts = ["server", "git", "bundle tools", "native engine", "docker", "queue", "disk"];
        Assert.Equal(parts, found.Select(finding => finding.Part).Distinct());
        Assert.Contains(found, finding => finding is { Part: "queue", Detail: "orders come from the server" });
        Assert.DoesNotContain(found, finding => finding.What == "for data");
    }

    private static Finding Worst(List<Finding> found) => found.MaxBy(finding => finding.Level)!;

    private async Task<List<Finding>> ExamineAsync(Func<Connection> runnerOf)
    {
        await using var ground = Ground.Open(Settings(), runnerOf);
        return await ServerCheck.ExamineAsync(ground, Stop).ToListAsync(Stop);
    }

    /// <summary>What is found where something answers so.</summary>
    private async Task<List<Finding>> AnsweredAsync(string body, DateTimeOffset date)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var examining = ExamineAsync(() =>
            new Connection(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"), "tgr_x")
        );
        using var client = await listener.AcceptTcpClientAsync(Stop);
        var bytes = Encoding.ASCII.GetBytes(
            $"HTTP/1.1 200 OK\r\nDate: {date:r}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}"
        );
        await client.GetStream().WriteAsync(bytes, Stop);
        return await examining;
    }

    private ServingSettings Settings() =>
        new("http://127.0.0.1:0", null, folder.Path, Path.Combine(TestBundles.CachePath, "bundles"), 1, Verbose: false);
}
