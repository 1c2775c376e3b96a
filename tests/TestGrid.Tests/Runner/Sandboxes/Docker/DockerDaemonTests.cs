using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Docker;
using TestGrid.Tests.Runner.Sandboxes.Native;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Sandboxes.Docker;

/// <summary>One daemon for all tests that need one.</summary>
[CollectionDefinition(Name)]
public sealed class DockerCollection : ICollectionFixture<TestDocker>
{
    public const string Name = "docker";
}

/// <summary>What the docker engine keeps in its daemon, and what it says of one that it cannot use.</summary>
[Collection(DockerCollection.Name)]
public sealed class DockerDaemonTests(TestDocker docker) : IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private SandboxOptions Options =>
        new() { DockerHost = docker.Host, StatePath = Path.Combine(folder.Path, "state") };

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Jobs_that_want_a_bundle_at_once_import_it_once()
    {
        var spec = MakeTree("one");
        using var daemon = new DockerDaemon(Options);
        var images = new DockerImages(daemon, Options);

        var names = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => images.GetAsync(spec, Stop)));

        Assert.Equal([$"testgrid-bundle:{spec.Digest!.Hex}"], names.Distinct());
        Assert.Single(ImagesOf(spec));
        // And another runner finds it there.
        await new DockerImages(daemon, Options).GetAsync(spec, Stop);
        Assert.Single(ImagesOf(spec));
    }

    [Fact]
    public async Task An_import_that_breaks_off_leaves_nothing_to_use()
    {
        var spec = MakeTree("half");
        // Not readable for the sandboxes' ids: a stranger's file.
        var secret = Path.Combine(spec.RootPath, "etc", "zz");
        await File.WriteAllTextAsync(secret, "x", Stop);
        File.SetUnixFileMode(secret, UnixFileMode.UserRead);
        using var daemon = new DockerDaemon(Options);
        var images = new DockerImages(daemon, Options);

        var failed = await Assert.ThrowsAsync<SandboxException>(() => images.GetAsync(spec, Stop));

        Assert.Contains("etc/zz", failed.Message, StringComparison.Ordinal);
        Assert.Empty(ImagesOf(spec));
        File.Delete(secret);
        await images.GetAsync(spec, Stop);
        Assert.Single(ImagesOf(spec));
    }

    [Fact]
    public async Task A_bundle_gone_from_this_machine_goes_from_the_daemon_and_one_that_is_here_stays()
    {
        var (gone, here) = (MakeTree("gone"), MakeTree("here"));
        using var daemon = new DockerDaemon(Options);
        var images = new DockerImages(daemon, Options);
        await images.GetAsync(gone, Stop);
        await images.GetAsync(here, Stop);
        Directory.Delete(gone.RootPath, recursive: true);

        using var engine = DockerSandboxEngineTests.CreateAt(docker.Host, Options.StatePath);
        await engine.SweepAsync(Stop);

        Assert.Empty(ImagesOf(gone));
        Assert.Single(ImagesOf(here));
    }

    [Fact]
    public async Task A_daemon_that_is_away_is_an_error_with_a_remedy()
    {
        using var engine = DockerSandboxEngineTests.CreateAt($"unix://{folder.Path}/none.sock", Options.StatePath);

        var failed = await Assert.ThrowsAsync<SandboxException>(async () => await engine.SweepAsync(Stop));

        Assert.Contains("does not answer", failed.Message, StringComparison.Ordinal);
        Assert.Contains("Remedy: ", failed.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200, """{"Version":"19.03.1","ApiVersion":"1.40"}""", "too old. Remedy: ")]
    [InlineData(500, """{"message":"write /x: no space left on device"}""", "Its disk is full. Remedy: ")]
    [InlineData(500, "<html>", "could not tell its version: <html>")]
    public async Task A_daemon_that_cannot_be_used_is_an_error_with_a_remedy(int status, string body, string words)
    {
        var path = Path.Combine(folder.Path, "old.sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        var answering = AnswerAsync(listener, status, body);
        using var engine = DockerSandboxEngineTests.CreateAt($"unix://{path}", Options.StatePath);

        var failed = await Assert.ThrowsAsync<SandboxException>(async () => await engine.SweepAsync(Stop));
        await answering;

        Assert.Contains(words, failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_daemon_gives_is_told_fact_by_fact()
    {
        var facts = await DockerSandboxFacts.ExamineAsync(Options, Stop).ToListAsync(Stop);

        Assert.True(facts[0] is { What: "a daemon", Ok: true, Needed: true }, facts[0].ToString());
        Assert.True(facts.Count >= 5);
        Assert.All(facts, fact => Assert.True(fact.Ok || fact.Remedy is not null, fact.ToString()));

        var away = new SandboxOptions { DockerHost = $"unix://{folder.Path}/none.sock" };
        var none = Assert.Single(await DockerSandboxFacts.ExamineAsync(away, Stop).ToListAsync(Stop));
        Assert.True(none is { Ok: false, Needed: true, Remedy.Length: > 0 }, none.ToString());
    }

    [Fact]
    public async Task Auto_takes_native_where_it_works_and_docker_where_it_does_not()
    {
        using var lease = await TestBundles.BaseAsync(Stop);
        var spec = new SandboxSpec("1.1-1", lease.Bundle.RootPath, [], JobLimits.Default, SandboxNetwork.None)
        {
            Digest = lease.Bundle.Digest,
        };

        Assert.Equal("native", await ChosenAsync("", docker.Host, spec));
        Assert.Equal("docker", await ChosenAsync("/no/such/runtime", docker.Host, spec));
        var failed = await Assert.ThrowsAsync<SandboxException>(() =>
            ChosenAsync("/no/such/runtime", $"unix://{folder.Path}/none.sock", spec)
        );
        Assert.Contains("/no/such/runtime", failed.Message, StringComparison.Ordinal);
        Assert.Contains("does not answer", failed.Message, StringComparison.Ordinal);
    }

    private async Task<string> ChosenAsync(string runtime, string host, SandboxSpec spec)
    {
        var options = new SandboxOptions
        {
            StatePath = Options.StatePath,
            Runtime = runtime,
            DockerHost = host,
        };
        await using var engine = new AutoSandboxEngine(
            NativeSandboxEngineContract.CreateAt(options),
            DockerSandboxEngineTests.CreateAt(host, Options.StatePath),
            options,
            NullLogger<AutoSandboxEngine>.Instance
        );
        await using var sandbox = await engine.CreateAsync(spec, Stop);
        return engine.Name;
    }

    // A tree of a few files in the sandboxes' ids, named by what is in it.
    private SandboxSpec MakeTree(string name)
    {
        var root = Path.Combine(folder.Path, name, "root");
        Directory.CreateDirectory(root + "/etc");
        File.WriteAllText(root + "/etc/name", folder.Path + name);
        var first = Options.FirstId;
        using var chown = Process.Start("chown", ["-R", $"{first}:{first}", root]);
        chown.WaitForExit();
        var digest = BundleDigest.Of(
            System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(folder.Path + name))
        );
        return new SandboxSpec(name, root, [], JobLimits.Default, SandboxNetwork.None) { Digest = digest };
    }

    private string[] ImagesOf(SandboxSpec spec) =>
        docker
            .Ask("images", "--all", "--quiet", "--filter", $"label=org.testgrid.bundle={spec.Digest}")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static async Task AnswerAsync(Socket listener, int status, string body)
    {
        using var connection = await listener.AcceptAsync(Stop);
        var buffer = new byte[4096];
        await connection.ReceiveAsync(buffer, Stop);
        var answer =
            $"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n"
            + $"Content-Length: {body.Length}\r\n\r\n{body}";
        await connection.SendAsync(Encoding.ASCII.GetBytes(answer), Stop);
    }
}
