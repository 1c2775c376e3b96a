using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Serving;
using TestGrid.Core.Jobs;
using TestGrid.Server.Access;
using TestGrid.Server.Planning;
using TestGrid.Server.Recording;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Cli.Serving;

public sealed class ServerSettingsTests : IDisposable
{
    // Nobody else's test asks for this one, so that the process's environment may have it for a while.
    private const string Variable = "TESTGRID_RETENTION__DELIVERIESPERREPOSITORY";

    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_obeys_the_file_and_the_environment()
    {
        Write(
            """
            {
              "planning": { "jobsMax": 20, "limits": { "memoryBytes": 536870912, "time": "00:20:00" } },
              "retention": { "logAge": "7.00:00:00", "deliveriesPerRepository": 3 },
              "access": { "reads": "signedIn", "linkTime": "00:05:00", "hosts": ["ci"], "publicUrl": "http://ci.example.org" }
            }
            """
        );
        Environment.SetEnvironmentVariable(Variable, "17"); // it wins over the file
        try
        {
            await using var server = await RunningServer.StartAsync(Settings(), null, Stop);

            var planning = server.Services.GetRequiredService<PlanningOptions>();
            var retention = server.Services.GetRequiredService<RetentionOptions>();
            var access = server.Services.GetRequiredService<AccessOptions>();
            var limits = JobLimits.Default with { MemoryBytes = 512 << 20, Time = TimeSpan.FromMinutes(20) };
            Assert.Equal((20, 4, limits), (planning.JobsMax, planning.FetchTries, planning.Limits.ToLimits()));
            Assert.Equal((TimeSpan.FromDays(7), 17), (retention.LogAge, retention.DeliveriesPerRepository));
            Assert.Equal((ReadAccess.SignedIn, TimeSpan.FromMinutes(5)), (access.Reads, access.LinkTime));
            Assert.Equal(["ci", "more"], access.Hosts);
            Assert.Equal("http://ci.example.org", access.PublicUrl);
            Assert.Equal(TimeSpan.FromMinutes(50), JobLimits.Default.Time); // which all share
            await server.RunUntilStoppedAsync(new CancellationToken(canceled: true));
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, null);
        }
    }

    [Theory]
    [InlineData("""{ "planning": { "jobsMax": 0 } }""", "planning:jobsMax: ")]
    [InlineData("""{ "planning": { "jobsMax": "many" } }""", "planning:jobsMax")]
    [InlineData("""{ "planning": { "limits": { "logBytes": 1 } } }""", "planning:limits:logBytes: ")]
    [InlineData("""{ "retention": { "logAge": "00:00:01" } }""", "retention:logAge: ")]
    [InlineData("""{ "access": { "reads": "7" } }""", "access:reads: ")]
    [InlineData("""{ "leases": { "time": "1.00:00:00" } }""", "leases:time: ")]
    [InlineData("""{ "retention": """, "LineNumber: 0")]
    public async Task A_value_that_cannot_be_used_stops_the_start_and_is_named(string text, string named)
    {
        Write(text);

        var refused = await Assert.ThrowsAsync<CommandException>(() =>
            RunningServer.StartAsync(Settings(), null, Stop)
        );

        Assert.Contains(named, refused.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(ExitCodes.Usage, refused.ExitCode);
    }

    [Theory]
    [InlineData("https://127.0.0.1:8443", "--public-url https://")]
    [InlineData("http://ci.example.org:8080", "--public-url")]
    [InlineData("http://127.0.0.1:8080/here", "http://127.0.0.1:8080")]
    [InlineData("http://*:8080", "http://0.0.0.0:8080")]
    [InlineData("ftp://127.0.0.1", "http://127.0.0.1:8080")]
    public void An_address_that_it_cannot_listen_on_is_refused_with_the_remedy(string listen, string remedy)
    {
        var refused = Assert.Throws<ValidationException>(() =>
            ServerSettings.Read(Settings() with { Listen = listen }).Validate()
        );

        Assert.Contains(listen, refused.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1:0", "http://127.0.0.1:0")]
    [InlineData("localhost:8080", "http://localhost:8080")]
    [InlineData("[::1]:8080", "http://[::1]:8080")]
    [InlineData("http://0.0.0.0:8080", "http://0.0.0.0:8080")]
    public void An_address_needs_no_scheme(string said, string listen)
    {
        var options = new ServingOptions();
        var command = new System.CommandLine.Command("server");
        options.AddTo(command);

        var read = options.Read(command.Parse(["--listen", said, "--data", folder.Path]));

        Assert.Equal(listen, read.Listen);
        ServerSettings.Read(read).Validate();
    }

    public void Dispose() => folder.Dispose();

    private void Write(string text) => File.WriteAllText(Path.Combine(folder.Path, "testgrid.json"), text);

    private ServingSettings Settings() =>
        new("http://127.0.0.1:0", null, folder.Path, null, Slots: 0, Verbose: false) { Hosts = ["more"] };
}
