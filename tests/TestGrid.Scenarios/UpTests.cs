using System.Net;
using System.Text.Json;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary><c>testgrid up</c>, as a newcomer calls it: nothing of this machine but its ports and bundles is used.</summary>
public sealed class UpTests : IDisposable
{
    private const string Slug = "testgrid/sample";

    private readonly TempFolder data = new();
    private readonly TempFolder person = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static string Launcher => Path.Combine(Environment.GetEnvironmentVariable("TESTGRID_HOME")!, "testgrid");

    // A person with a PATH and a configuration folder of their own; not one who came through sudo.
    private Dictionary<string, string?> Surroundings =>
        new()
        {
            ["XDG_CONFIG_HOME"] = Path.Combine(person.Path, "config"),
            ["TESTGRID_BIN"] = Bin,
            ["PATH"] = Bin + ":" + PathWithoutTestGrid,
            ["SUDO_USER"] = null,
            ["TESTGRID_DATA"] = null,
            ["TESTGRID_URL"] = null,
            ["TESTGRID_TOKEN"] = null,
        };

    private string Bin => Directory.CreateDirectory(Path.Combine(person.Path, "bin")).FullName;

    private static string PathWithoutTestGrid =>
        string.Join(
            ':',
            (Environment.GetEnvironmentVariable("PATH") ?? "")
                .Split(':')
                .Where(folder => !File.Exists(Path.Combine(folder, "testgrid")))
        );

    [Fact]
    public async Task It_pushes_a_sample_with_one_red_cell_through_the_webhook_and_Ctrl_C_leaves_nothing()
    {
        // A clone that is gone left its link: the shell finds nothing behind it.
        File.CreateSymbolicLink(Path.Combine(Bin, "testgrid"), "/nowhere/testgrid");
        JsonElement first;
        await using (
            var up = await TestGridProcess.UpAsync(
                data.Path,
                Surroundings,
                Stop,
                "--public-url",
                "https://ci.example.org"
            )
        )
        {
            Assert.Contains("bundle base is ready: sha256:", up.Said, StringComparison.Ordinal);
            Assert.Contains("https://ci.example.org/hooks/github", up.Said, StringComparison.Ordinal);
            Assert.Equal(Launcher, new FileInfo(Path.Combine(Bin, "testgrid")).LinkTarget);

            await SignInOnceAsync(up);
            var pushed = await up.SaysAsync("pushed the sample repository", Stop);
            var build = long.Parse(pushed.Split("/builds/")[1], null);
            first = await up.FinishedAsync(build, Stop);
            AssertOneRedCell(first);
            AssertDelivered(await up.GetAsync("/api/v1/repositories", Stop));

            await using (var list = ProgramProcess.StartWith(Surroundings, null, "build", "list", "--json"))
            {
                // No server is named: it finds the one that `up` started, wherever its data lies.
                Assert.True(await list.ExitAsync(Stop) == 0, list.Said);
                await list.SaysAsync(Slug, Stop);
            }
            await using (var busy = ProgramProcess.StartWith(Surroundings, null, Up(up.Url)))
            {
                Assert.Equal(3, await busy.ExitAsync(Stop));
                await busy.SaysAsync($"(process {up.ProcessId}) holds it", Stop);
            }
            Assert.Equal(0, await up.InterruptAsync(Stop));
            Assert.Contains("stopped", up.Said, StringComparison.Ordinal);
        }
        AssertNothingLeft();

        await using var again = await TestGridProcess.UpAsync(data.Path, Surroundings, Stop);

        Assert.Contains($"build start {Slug}", again.Said, StringComparison.Ordinal);
        Assert.DoesNotContain("is this program now", again.Said, StringComparison.Ordinal);
        var builds = (await again.GetAsync("/api/v1/builds", Stop)).GetProperty("builds");
        Assert.Equal(1, builds.GetArrayLength());
        Assert.Equal(0, await again.InterruptAsync(Stop));
        AssertNothingLeft();
    }

    [Fact]
    public async Task What_a_stop_before_the_push_left_undone_is_done_by_the_next_and_another_clones_name_is_left_to_it()
    {
        using var other = new TempFolder();
        var elsewhere = Path.Combine(other.Path, "testgrid");
        await File.WriteAllTextAsync(elsewhere, "", Stop);
        var link = Path.Combine(Bin, "testgrid");
        File.CreateSymbolicLink(link, elsewhere);
        using var sample = new GitRepository(Path.Combine(data.Path, "sample")).Write(
            ".testgrid.yml",
            "script: true\n"
        );
        sample.Commit();
        await using (var server = await TestGridProcess.StartAsync(data.Path, Stop))
            await server.RegisterAsync(sample.Folder, Slug, Stop);

        await using var up = await TestGridProcess.UpAsync(data.Path, Surroundings, Stop);

        var pushed = await up.SaysAsync("pushed the sample repository", Stop);
        var ended = await up.FinishedAsync(long.Parse(pushed.Split("/builds/")[1], null), Stop);
        Assert.Equal("passed", ended.GetProperty("build").Text("state"));
        Assert.Contains($"another clone's: {link} is {elsewhere}", up.Said, StringComparison.Ordinal);
        Assert.Contains($"ln -sf {Launcher} {link}", up.Said, StringComparison.Ordinal);
        Assert.Equal(elsewhere, new FileInfo(link).LinkTarget);
    }

    public void Dispose()
    {
        data.Dispose();
        person.Dispose();
    }

    private string[] Up(Uri listen) =>
        ["up", "--listen", listen.ToString().TrimEnd('/'), "--data", Path.Combine(person.Path, "other")];

    private static async Task SignInOnceAsync(TestGridProcess up)
    {
        var line = await up.SaysAsync("sign in ", Stop);
        var link = new Uri(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[2]);
        Assert.Equal("ci.example.org", link.Host);
        using var browser = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false })
        {
            BaseAddress = up.Url,
        };

        using var once = await browser.GetAsync(link.AbsolutePath, Stop);
        using var twice = await browser.GetAsync(link.AbsolutePath, Stop);

        Assert.Equal(HttpStatusCode.Redirect, once.StatusCode);
        Assert.Contains("Set-Cookie", once.Headers.Select(header => header.Key));
        Assert.Equal(HttpStatusCode.Gone, twice.StatusCode);
    }

    private static void AssertOneRedCell(JsonElement ended)
    {
        Assert.Equal("failed", ended.GetProperty("build").Text("state"));
        Assert.Equal(2, ended.GetProperty("axes").GetArrayLength());
        var jobs = ended.GetProperty("jobs").EnumerateArray().ToArray();
        Assert.Equal(4, jobs.Length);
        var red = Assert.Single(jobs, job => job.Text("state") != "passed");
        Assert.Equal("failed", red.Text("state"));
        Assert.Equal("base", red.Text("bundle"));
    }

    private static void AssertDelivered(JsonElement repositories)
    {
        var sample = Assert.Single(repositories.EnumerateArray());
        Assert.Equal(Slug, sample.Text("slug"));
        Assert.Equal("push", sample.GetProperty("lastDelivery").Text("event"));
    }

    // By each process's own view: a sandbox has mounts that this one cannot see.
    private void AssertNothingLeft()
    {
        var left = Directory
            .EnumerateDirectories("/proc")
            .Where(process => char.IsAsciiDigit(Path.GetFileName(process)[0]))
            .Where(process => Says(process, "cmdline") || Says(process, "mountinfo"))
            .Select(process => Path.GetFileName(process));
        Assert.Empty(left);
    }

    private bool Says(string process, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, file)).Contains(data.Path, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has just ended
        }
    }
}
