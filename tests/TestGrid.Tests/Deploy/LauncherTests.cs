using System.Diagnostics;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Deploy;

/// <summary>
/// <c>./testgrid</c> of an ordinary user, with its programs' places taken by scripts that say what they were called with:
/// sudo's rules and the machine's packages are not to be touched.
/// </summary>
public sealed class LauncherTests : IDisposable
{
    private readonly TempFolder folder = new();

    public LauncherTests()
    {
        var source = SourceHome();
        foreach (var part in (string[])["testgrid", "deploy/parts.sh"])
        {
            var copy = Path.Combine(folder.Path, part);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(Path.Combine(source, part), copy);
        }
        foreach (var part in (string[])["web", "src", "artifacts/stamps", "bin"])
            Directory.CreateDirectory(Path.Combine(folder.Path, part));
        foreach (var part in (string[])["Directory.Build.props", "Directory.Packages.props"])
            File.WriteAllText(Path.Combine(folder.Path, part), "");
        foreach (var stamp in (string[])["web", "program"]) // nothing is stale
            File.WriteAllText(Path.Combine(folder.Path, "artifacts/stamps", stamp), "");
        Stub("id", "echo 1000");
        Stub("sudo", "echo sudo \"$@\"");
        Stub("dotnet", "echo dotnet \"${@:2}\" data=$TESTGRID_DATA");
        Stub("dpkg-query", "echo dpkg >>" + Asked + "; printf installed");
    }

    private string Asked => Path.Combine(folder.Path, "asked");

    [Fact]
    public void What_is_set_passes_through_sudo()
    {
        var said = Run(
            new()
            {
                ["TESTGRID_RUNNER__SLOTS"] = "2",
                ["TESTGRID_QUEUE__URL"] = "amqp://x",
                ["TESTGRID_RUNNER_TOKEN"] = "tg_x",
                ["DOTNET_ROLL_FORWARD"] = "Major",
            },
            "run",
            "--secret",
            "API_KEY",
            "--secret=OTHER",
            "--secret",
            "no,name"
        );

        var names = said.Split("--preserve-env=")[1].Split(' ')[0].Split(',');
        Assert.Superset(
            new HashSet<string>
            {
                "PATH",
                "TESTGRID_RUNNER__SLOTS",
                "TESTGRID_QUEUE__URL",
                "TESTGRID_RUNNER_TOKEN",
                "DOTNET_ROLL_FORWARD",
                "https_proxy",
                "SSL_CERT_FILE",
                "API_KEY",
                "OTHER",
            },
            new HashSet<string>(names)
        );
        Assert.DoesNotContain("no", names);
        Assert.EndsWith("testgrid.dll run --secret API_KEY --secret=OTHER --secret no,name", said);
        Assert.True(File.Exists(Asked), "the packages were looked at");
    }

    [Theory]
    [InlineData("runner list", "dotnet runner list data=")]
    [InlineData("runner token create one", "dotnet runner token create one data=")]
    [InlineData("store path", "dotnet store path data=/var/lib/testgrid")] // where root's servers keep it
    [InlineData("build list", "dotnet build list data=")]
    [InlineData("run --help", "dotnet run --help data=")]
    public void What_only_asks_needs_neither_root_nor_packages(string words, string said)
    {
        Assert.Equal(said, Run([], words.Split(' ')));
        Assert.False(File.Exists(Asked), "the packages were looked at");
    }

    public void Dispose() => folder.Dispose();

    private string Run(Dictionary<string, string> environment, params string[] words)
    {
        var start = new ProcessStartInfo("bash", [Path.Combine(folder.Path, "testgrid"), .. words])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Clear();
        start.Environment["PATH"] = Path.Combine(folder.Path, "bin") + ":/usr/bin:/bin";
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output + errors.Result);
        return output.Trim();
    }

    private void Stub(string name, string script)
    {
        var path = Path.Combine(folder.Path, "bin", name);
        File.WriteAllText(path, "#!/bin/bash\n" + script + "\n");
        File.SetUnixFileMode(path, (UnixFileMode)0x1ED); // 0755
    }

    private static string SourceHome()
    {
        var found = new DirectoryInfo(AppContext.BaseDirectory);
        while (found is not null && !File.Exists(Path.Combine(found.FullName, "TestGrid.sln")))
            found = found.Parent;
        return found?.FullName ?? throw new InvalidOperationException("These tests run in the work tree.");
    }
}
