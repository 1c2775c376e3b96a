using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Cli.Api;

/// <summary>Changes the process's environment: alone.</summary>
[Collection(nameof(ConnectionTests))]
[CollectionDefinition(nameof(ConnectionTests), DisableParallelization = true)]
public sealed class ConnectionTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly string? before = Environment.GetEnvironmentVariable("TESTGRID_DATA");

    public ConnectionTests()
    {
        Environment.SetEnvironmentVariable("TESTGRID_DATA", folder.Path);
        Connection.Leave(Path.Combine(folder.Path, "client.json"), "http://127.0.0.1:8080", "tg_left");
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("TESTGRID_DATA", before);
        folder.Dispose();
    }

    [Theory]
    [InlineData(null, "tg_left")]
    [InlineData("http://127.0.0.1:8080/", "tg_left")]
    [InlineData("http://localhost:8080", "tg_left")]
    [InlineData("http://127.0.0.1:8081", null)]
    [InlineData("https://127.0.0.1:8080", null)]
    [InlineData("http://ci.example.org:8080", null)]
    public void A_token_that_one_server_left_is_told_to_no_other(string? server, string? token)
    {
        var root = new RootCommand();
        foreach (var option in Connection.Options)
            root.Add(option);

        var found = Connection.Find(root.Parse(server is null ? [] : ["--server", server]));

        Assert.Equal(token, found.Token);
    }
}
