using System.Diagnostics;
using System.Text;

namespace TestGrid.Tests.Support;

/// <summary>
/// A Docker daemon of the tests' own: its socket, folders and containerd are in a temporary folder, it makes no bridge
/// and no packet filter, and it ends when this process does. The machine's own daemon, if it has one, is not touched.
/// </summary>
public sealed class TestDocker : IAsyncLifetime
{
    // The shell outlives nobody: at the end of its input, which is our end too, it asks the daemon to go.
    private const string Watch = """
        exec 3<&0 </dev/null
        "$@" 3<&- &
        daemon=$!
        { read -r gone <&3; kill -TERM $daemon; } >/dev/null 2>&1 &
        wait $daemon
        """;

    private readonly StringBuilder said = new();
    private string folder = "";
    private Process? daemon;
    private Task ended = Task.CompletedTask;

    /// <summary>The socket, as <c>Sandbox:DockerHost</c> has it.</summary>
    public string Host => $"unix://{folder}/docker.sock";

    public async ValueTask InitializeAsync()
    {
        // Not below a long temporary path: socket addresses hold 107 bytes.
        folder = Directory.CreateTempSubdirectory("tgd-").FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_001_001);
        string[] words =
        [
            "sh",
            "-c",
            Watch,
            "sh",
            "dockerd",
            $"--data-root={folder}/data",
            $"--exec-root={folder}/exec",
            $"--pidfile={folder}/docker.pid",
            $"--host={Host}",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
        ];
        daemon = Process.Start(
            new ProcessStartInfo("setsid", words)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ended = HearAsync(daemon.StandardError, ready);
        _ = daemon.StandardOutput.ReadToEndAsync();
        await ready.Task.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (daemon is null)
            return;
        daemon.StandardInput.Close();
        await daemon.WaitForExitAsync();
        await ended;
        daemon.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>What <c>docker</c> says to a question, for what the engine itself should not be asked.</summary>
    public string Ask(params string[] words)
    {
        using var docker = Process.Start(
            new ProcessStartInfo("docker", ["-H", Host, .. words]) { RedirectStandardOutput = true }
        )!;
        var answer = docker.StandardOutput.ReadToEnd();
        docker.WaitForExit();
        Assert.Equal(0, docker.ExitCode);
        return answer.Trim();
    }

    private async Task HearAsync(StreamReader from, TaskCompletionSource ready)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            said.AppendLine(line);
            if (line.Contains("API listen on", StringComparison.Ordinal))
                ready.TrySetResult();
        }
        ready.TrySetException(new InvalidOperationException($"dockerd ended at once:\n{said}"));
    }
}
