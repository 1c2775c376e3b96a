using System.Diagnostics;
using TestGrid.Runner.Sandboxes;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Sandboxes.Native;

/// <summary>All that the native engine promises, kept for a runner that is an ordinary user, too.</summary>
[Trait("Slow", "true")]
public sealed class UnprivilegedSandboxTests(ITestOutputHelper output)
{
    private const int User = 64_321;

    // In a mount namespace of its own, in which there is such a user with an id range: the machine's own files stay as
    // they are. The program and .NET are shown at places that everybody may reach, whereever they really lie.
    private const string Become = """
        set -e
        mount -t tmpfs -o mode=755 tests /srv; mkdir /srv/testgrid /srv/dotnet
        mount --bind "$1" /srv/testgrid; mount --bind "$2" /srv/dotnet
        for file in passwd group subuid subgid; do cat "/etc/$file" >"$3/$file" 2>/dev/null || touch "$3/$file"; done
        echo "testgrid-probe:x:$4:$4::/nonexistent:/bin/sh" >>"$3/passwd"; echo "testgrid-probe:x:$4:" >>"$3/group"
        echo "testgrid-probe:$5:65536" | tee -a "$3/subuid" >>"$3/subgid"
        for file in passwd group subuid subgid; do touch "/etc/$file"; mount --bind "$3/$file" "/etc/$file"; done
        mknod -m 666 "$3/tun" c 10 200; mount --bind "$3/tun" /dev/net/tun
        install -d -o "$4" -g "$4" "$3/tmp"
        exec env -i PATH="$PATH" TMPDIR="$3/tmp" HOME="$3/tmp" DOTNET_ROOT=/srv/dotnet TESTGRID_TEST_ROOT="$6" TESTGRID_TEST_SERVICES="$8" \
            setpriv --reuid "$4" --regid "$4" --clear-groups --inh-caps=-all \
            /srv/testgrid/TestGrid.Tests -noColor -class "$7"
        """;

    [Theory]
    [InlineData(typeof(LauncherSandboxEngineTests))]
    [InlineData(typeof(CrunSandboxEngineTests))]
    [InlineData(typeof(RuncSandboxEngineTests))]
    public async Task An_ordinary_user_with_an_id_range_gets_the_same(Type tests)
    {
        var stop = TestContext.Current.CancellationToken;
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can become somebody else.");
        using var bundle = await TestBundles.BaseAsync(stop);
        await using var redis = await TestBundles.ServiceAsync("redis", stop);
        await using var postgresql = await TestBundles.ServiceAsync("postgresql", stop);
        using var folder = new TempFolder();
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_101_101);
        var dotnet = Path.GetFullPath(
            Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "../../..")
        );
        var start = new ProcessStartInfo(
            "unshare",
            [
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                Become,
                "sh",
                AppContext.BaseDirectory,
                dotnet,
                folder.Path,
                $"{User}",
                $"{new SandboxOptions().FirstId}",
                bundle.Bundle.RootPath,
                tests.FullName!,
                $"redis={redis.Bundle.RootPath};postgresql={postgresql.Bundle.RootPath}",
            ]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        using var run = Process.Start(start)!;
        var complaints = run.StandardError.ReadToEndAsync(stop);
        var said = await run.StandardOutput.ReadToEndAsync(stop);
        await run.WaitForExitAsync(stop);

        output.WriteLine(said + await complaints);
        Assert.Equal(0, run.ExitCode);
        Assert.Matches(@"Total: ([5-9]|1\d)\d, Errors: 0, Failed: 0, ", said);
    }
}
