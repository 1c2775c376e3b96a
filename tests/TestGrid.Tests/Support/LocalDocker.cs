using System.Diagnostics;
using System.Text;

namespace TestGrid.Tests.Support;

/// <summary>
/// A Docker daemon of our own: its socket, folders and containerd are in a temporary folder, it makes no bridge
/// and no packet filter, and it ends when this process does. The machine's own daemon, if it has one, is not touched.
/// </summary>
public class LocalDocker : IAsyncDisposable
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

    /// <summary>Starts it; returns when it answers.</summary>
    public async Task StartAsync(CancellationToken stop)
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
        _ = daemon.StandardOutput.ReadToEndAsync(CancellationToken.None);
        await ready.Task.WaitAsync(TimeSpan.FromMinutes(1), stop);
    }

    public async ValueTask DisposeAsync()
    {
        if (daemon is null)
            return;
        daemon.StandardInput.Close();
        await daemon.WaitForExitAsync();
        await ended;
        daemon.Dispose();
        // The daemon leaves the network namespace of containers on the host's network mounted.
        using (var umount = Process.Start("sh", ["-c", "umount \"$1\"/exec/netns/* 2>/dev/null", "sh", folder]))
            await umount.WaitForExitAsync();
        Directory.Delete(folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>What <c>docker</c> says to a question, for what the engine itself should not be asked.</summary>
    public string Ask(params string[] words) =>
        RunAsync(new Dictionary<string, string>(), default, ["docker", .. words]).GetAwaiter().GetResult();

    /// <summary>Runs a program that finds this daemon in its environment; what it wrote, when it ended well.</summary>
    /// <param name="environment">What it finds there besides.</param>
    /// <param name="stop">Gives up.</param>
    /// <param name="words">Program and arguments.</param>
    public async Task<string> RunAsync(
        IReadOnlyDictionary<string, string> environment,
        CancellationToken stop,
        params string[] words
    )
    {
        using var process = Process.Start(Begin(environment, words))!;
        var errors = process.StandardError.ReadToEndAsync(stop);
        var output = await process.StandardOutput.ReadToEndAsync(stop);
        await process.WaitForExitAsync(stop);
        return process.ExitCode == 0
            ? output.Trim()
            : throw new InvalidOperationException($"{string.Join(' ', words)}\n{output}\n{await errors}");
    }

    /// <summary>A program that finds this daemon, to be started.</summary>
    public ProcessStartInfo Begin(IReadOnlyDictionary<string, string> environment, params string[] words)
    {
        var start = new ProcessStartInfo(words[0], words[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOCKER_HOST"] = Host;
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return start;
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
