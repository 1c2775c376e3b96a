using System.Diagnostics;
using System.Text.RegularExpressions;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Deploy;

/// <summary>The Dockerfile, the compose files and the units, held to the rest of the repository without building an image.</summary>
public sealed partial class DeployFilesTests : IDisposable
{
    private static readonly string Home = FindHome();

    private readonly TempFolder folder = new();

    [Theory]
    [InlineData("compose.yaml", "runner server")]
    [InlineData("compose.rabbitmq.yaml", "broker runner-1 runner-2 server")]
    public async Task A_compose_file_is_valid_and_gives_its_server_no_right(string file, string services)
    {
        var secret = Path.Combine(folder.Path, "secret");
        await File.WriteAllTextAsync(secret, "x\n", TestContext.Current.CancellationToken);

        var path = Path.Combine(Home, "deploy", file);
        var names = Run("docker-compose", "-f", path, "config", "--services").Split('\n');
        var whole = Run("docker-compose", "-f", path, "config");

        Assert.Equal(services.Split(' '), names.Where(name => name.Length > 0).Order(StringComparer.Ordinal));
        var server = Service(whole, "server");
        Assert.Contains("cap_drop:\n    - ALL", server, StringComparison.Ordinal);
        Assert.DoesNotContain("cap_add", server, StringComparison.Ordinal);
        Assert.DoesNotContain("/var/run/docker.sock", whole, StringComparison.Ordinal);
        Assert.Contains("127.0.0.1:8080:8080", server, StringComparison.Ordinal);
    }

    [Fact]
    public void The_image_has_every_program_that_a_runner_needs()
    {
        var parts = RunParts()
            .Match(File.ReadAllText(Path.Combine(Home, "deploy", "parts.sh")))
            .Groups[1]
            .Value.Split(' ');
        var dockerfile = File.ReadAllText(Path.Combine(Home, "Dockerfile"));

        Assert.True(parts.Length > 5, "deploy/parts.sh names the packages");
        // git is for people: the program brings its own.
        foreach (var part in parts.Where(part => part != "git"))
            Assert.Matches($@"\s{Regex.Escape(part)}\s", dockerfile);
    }

    // Ready would start the server again when a broker is away, or a disk is full.
    [Fact]
    public void What_starts_the_server_again_asks_whether_it_is_alive()
    {
        var dockerfile = File.ReadAllText(Path.Combine(Home, "Dockerfile"));

        Assert.Matches("""HEALTHCHECK .* CMD \["/opt/testgrid/testgrid", "health", "--alive"\]""", dockerfile);
        foreach (var file in Directory.GetFiles(Path.Combine(Home, "deploy"), "compose*.yaml"))
            Assert.DoesNotContain("healthcheck", Service(File.ReadAllText(file), "server"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_image_is_built_from_is_there_and_not_ignored()
    {
        var ignored = File.ReadAllLines(Path.Combine(Home, ".dockerignore"));
        var sources = CopyLine()
            .Matches(File.ReadAllText(Path.Combine(Home, "Dockerfile")))
            .SelectMany(match => match.Groups[1].Value.Split(' ')[..^1])
            .ToArray();

        Assert.True(sources.Length > 10, "the Dockerfile copies files");
        foreach (var source in sources)
        {
            var top = source.Split('/')[0];
            Assert.Contains($"!{top}", ignored);
            var parent = Path.Combine(Home, Path.GetDirectoryName(source.TrimEnd('/')) ?? "");
            Assert.NotEmpty(Directory.GetFileSystemEntries(parent, Path.GetFileName(source.TrimEnd('/'))));
        }
        foreach (var project in Directory.GetDirectories(Path.Combine(Home, "src")))
            Assert.Contains($"src/{Path.GetFileName(project)}/*.csproj", sources);
    }

    [Fact]
    public void No_file_names_the_host_of_a_registry()
    {
        string[] files =
        [
            Path.Combine(Home, "Dockerfile"),
            .. Directory.GetFiles(Path.Combine(Home, "deploy"), "compose*.yaml"),
        ];
        foreach (var file in files)
            Assert.DoesNotMatch(@"(image: |_IMAGE[=:] ?|:-)[\w-]+\.[\w.]+/", File.ReadAllText(file));
    }

    [Theory]
    [InlineData("testgrid.service")]
    [InlineData("testgrid-runner.service")]
    public void A_unit_is_one_that_systemd_reads(string unit)
    {
        // The program is not installed where the tests run, and systemd wants to see it.
        var copy = Path.Combine(folder.Path, unit);
        var text = File.ReadAllText(Path.Combine(Home, "deploy", unit));
        Assert.Contains("ExecStart=/opt/testgrid/testgrid ", text, StringComparison.Ordinal);
        File.WriteAllText(copy, text.Replace("/opt/testgrid/testgrid ", "/bin/true ", StringComparison.Ordinal));

        Assert.Equal("", Verify(copy));
    }

    [Theory]
    [InlineData("testgrid.service")]
    [InlineData("testgrid-runner.service")]
    public void With_the_queues_file_beside_it_a_unit_reads_its_password_where_systemd_puts_it(string unit)
    {
        var text = File.ReadAllText(Path.Combine(Home, "deploy", unit));
        var copy = Path.Combine(folder.Path, unit);
        File.WriteAllText(copy, text.Replace("/opt/testgrid/testgrid ", "/bin/true ", StringComparison.Ordinal));
        var more = Directory.CreateDirectory(copy + ".d");
        var queue = File.ReadAllText(Path.Combine(Home, "deploy", "testgrid-queue.conf"));
        File.WriteAllText(Path.Combine(more.FullName, "queue.conf"), queue);

        Assert.Equal("", Verify(copy));
        var loaded = Regex.Match(queue, "^LoadCredential=([a-z-]+):(/etc/testgrid/[a-z-]+)$", RegexOptions.Multiline);
        Assert.Contains($"PASSWORDFILE=%d/{loaded.Groups[1]}\n", queue, StringComparison.Ordinal);
        // A line that systemd does not know is told: or this test would hold nothing.
        File.AppendAllText(Path.Combine(more.FullName, "queue.conf"), "LoadCredentials=a:/b\n");
        Assert.Contains("LoadCredentials", Verify(copy), StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    // What it says goes to standard error, also of lines that it leaves out and takes the rest.
    private static string Verify(string unit)
    {
        var start = new ProcessStartInfo("systemd-analyze", ["verify", "--man=no", unit])
        {
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return said.Trim();
    }

    private string Run(params string[] words)
    {
        var start = new ProcessStartInfo(words[0], words[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in (string[])["RUNNER_TOKEN", "BROKER_PASSWORD"])
            start.Environment[$"TESTGRID_{name}"] = Path.Combine(folder.Path, "secret");
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output + errors.Result);
        return output;
    }

    private static string Service(string config, string name)
    {
        var match = Regex.Match(config, $@"^  {name}:\n((?:    .*\n)+)", RegexOptions.Multiline);
        Assert.True(match.Success, $"{name} is not in\n{config}");
        return match.Groups[1].Value;
    }

    private static string FindHome()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TestGrid.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("These tests run in the work tree.");
    }

    [GeneratedRegex(@"^run_parts=\(([^)]*)\)", RegexOptions.Multiline)]
    private static partial Regex RunParts();

    [GeneratedRegex(@"^COPY ((?!--from).*)$", RegexOptions.Multiline)]
    private static partial Regex CopyLine();
}
