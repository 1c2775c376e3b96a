using System.Net.Http.Json;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>Repositories of a git host that speaks https alone, with a certificate of an authority of its own.</summary>
public sealed class HttpsRepositoryTests : IAsyncLifetime
{
    private readonly TempFolder data = new();
    private readonly TempFolder folder = new();
    private GitHttpsServer host = null!;
    private GitRepository repository = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        host = await GitHttpsServer.StartAsync("127.0.0.1", folder.Path, Stop);
        repository = new GitRepository(Path.Combine(host.Root, "them")).Write(".testgrid.yml", "script: cat words\n");
        repository.Write("words", "over https\n").Commit();
        await File.WriteAllTextAsync(
            Path.Combine(data.Path, "testgrid.json"),
            """{ "planning": { "fetchTries": 1 } }""",
            Stop
        );
    }

    public async ValueTask DisposeAsync()
    {
        repository.Dispose();
        await host.DisposeAsync();
        data.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task A_private_repository_is_fetched_with_its_password_which_goes_to_its_own_host_alone()
    {
        await using var server = await StartAsync(host.AuthorityFile);

        var open = await BuildAsync(server, "open/them", null);
        Assert.Equal("passed", State(open));
        var without = await BuildAsync(server, "none/them", null);
        Assert.Contains("this repository has none", Sentence(without), StringComparison.Ordinal);
        var wrong = await BuildAsync(server, "wrong/them", "wrong");
        Assert.Contains("its host refuses the credential", Sentence(wrong), StringComparison.Ordinal);
        var moved = await BuildAsync(server, "moved/them", GitHttpsServer.Password);
        Assert.Contains("redirected to another host, which gets no", Sentence(moved), StringComparison.Ordinal);
        Assert.NotEmpty(host.StrangersSaid); // it was there
        Assert.All(host.StrangersSaid, said => Assert.Equal("nothing", said));
        var right = await BuildAsync(server, "right/them", GitHttpsServer.Password);
        Assert.Equal("passed", State(right));

        var log = await server.LogAsync($"{right.GetProperty("build").GetProperty("id")}.1", Stop);
        Assert.Contains("over https", log, StringComparison.Ordinal);
        foreach (var text in new[] { log, server.Said, Sentence(wrong)!, Sentence(moved)! })
            Assert.DoesNotContain(GitHttpsServer.Password, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_whose_authority_this_machine_does_not_know_is_refused_with_the_remedy()
    {
        await using var server = await StartAsync("/etc/ssl/certs/ca-certificates.crt");

        var sentence = Sentence(await BuildAsync(server, "open/them", null));

        Assert.Contains("certificate", sentence, StringComparison.Ordinal);
        Assert.Contains("SSL_CERT_FILE names its authority", sentence, StringComparison.Ordinal);
    }

    private Task<TestGridProcess> StartAsync(string authorities)
    {
        string[] bundles = ["--bundles", Path.Combine(SourcePackage.Cache, "bundles")];
        var process = ProgramProcess.StartWith(
            new Dictionary<string, string?> { ["SSL_CERT_FILE"] = authorities },
            null,
            ["server", "--listen", "http://127.0.0.1:0", "--data", data.Path, .. bundles]
        );
        return TestGridProcess.ListensAsync(process, data.Path, Stop);
    }

    private async Task<System.Text.Json.JsonElement> BuildAsync(TestGridProcess server, string path, string? password)
    {
        var slug = "us/" + path.Replace("/", "-", StringComparison.Ordinal);
        var secret = await server.RegisterAsync(host.Url + path, slug, Stop);
        if (password is not null)
        {
            var all = await server.GetAsync("/api/v1/repositories", Stop);
            var id = all.EnumerateArray().Single(one => one.Text("slug") == slug).GetProperty("id");
            using var set = await server.Http.PutAsJsonAsync(
                $"/api/v1/repositories/{id}/credential",
                new { user = GitHttpsServer.User, password },
                Stop
            );
            Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync(Stop));
        }
        var build = await server.PushAsync(repository, slug, secret, Stop);
        return await server.FinishedAsync(build, Stop);
    }

    private static string? State(System.Text.Json.JsonElement ended) => ended.GetProperty("build").Text("state");

    private static string? Sentence(System.Text.Json.JsonElement ended) => ended.GetProperty("build").Text("sentence");
}
