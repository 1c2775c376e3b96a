using System.Diagnostics;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Tests.Support;

/// <summary>
/// Runs tests of this program once more as an ordinary user with an id range, who is made for it in a mount namespace: the
/// machine's own files stay as they are.
/// </summary>
public static class OrdinaryUser
{
    public const int Id = 64_321;

    // The program and .NET are shown at places that everybody may reach, wherever they really lie.
    private const string Become = """
        set -e
        program=$1 dotnet=$2 folder=$3 user=$4 range=$5
        shift 5
        mount -t tmpfs -o mode=755 tests /srv; mkdir /srv/testgrid /srv/dotnet
        mount --bind "$program" /srv/testgrid; mount --bind "$dotnet" /srv/dotnet
        for file in passwd group subuid subgid; do cat "/etc/$file" >"$folder/$file" 2>/dev/null || touch "$folder/$file"; done
        echo "testgrid-probe:x:$user:$user::/nonexistent:/bin/sh" >>"$folder/passwd"; echo "testgrid-probe:x:$user:" >>"$folder/group"
        echo "testgrid-probe:$range:65536" | tee -a "$folder/subuid" >>"$folder/subgid"
        for file in passwd group subuid subgid; do touch "/etc/$file"; mount --bind "$folder/$file" "/etc/$file"; done
        mknod -m 666 "$folder/tun" c 10 200; mount --bind "$folder/tun" /dev/net/tun
        install -d -o "$user" -g "$user" "$folder/tmp"
        exec setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all \
            env -i PATH="$PATH" TMPDIR="$folder/tmp" HOME="$folder/tmp" DOTNET_ROOT=/srv/dotnet "$@"
        """;

    /// <param name="folder">Everybody's to pass through; its <c>tmp</c> is the user's.</param>
    /// <param name="environment">NAME=VALUE for the user's program, beside what it always has.</param>
    /// <param name="words">For the test runner: <c>-class</c>, a name.</param>
    /// <param name="stop">Ends the waiting.</param>
    /// <returns>How it ended, and all that it said.</returns>
    public static async Task<(int Code, string Said)> RunTestsAsync(
        string folder,
        IEnumerable<string> environment,
        string[] words,
        CancellationToken stop
    )
    {
        var runtime = System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory();
        string[] command =
        [
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            Become,
            "sh",
            AppContext.BaseDirectory,
            Path.GetFullPath(Path.Combine(runtime, "../../..")),
            folder,
            $"{Id}",
            $"{new SandboxOptions().FirstId}",
            .. environment,
            "/srv/testgrid/TestGrid.Tests",
            "-noColor",
            .. words,
        ];
        using var run = Process.Start(
            new ProcessStartInfo("unshare", command) { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
        var complaints = run.StandardError.ReadToEndAsync(stop);
        var said = await run.StandardOutput.ReadToEndAsync(stop);
        await run.WaitForExitAsync(stop);
        return (run.ExitCode, said + await complaints);
    }
}
