using System.Diagnostics;
using System.IO.Pipelines;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Serving;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Bench;

/// <summary>A Docker daemon of this run's own, on its own socket and folders, with the bundle's tree as an image.</summary>
internal sealed class Docker : IAsyncDisposable
{
    public const string Image = "testgrid-bench";

    private readonly Process daemon;

    private Docker(Process daemon, string socket) => (this.daemon, Socket) = (daemon, socket);

    public string Socket { get; }

    public static async Task<Docker> StartAsync(WorkFolder work, string rootPath)
    {
        var folder = work.New("docker");
        Directory.CreateDirectory(folder);
        var socket = Path.Combine(folder, "docker.sock");
        var start = new ProcessStartInfo("dockerd")
        {
            ArgumentList =
            {
                "--data-root",
                Path.Combine(folder, "data"),
                "--exec-root",
                Path.Combine(folder, "exec"),
                "--pidfile",
                Path.Combine(folder, "docker.pid"),
                "--host",
                $"unix://{socket}",
                "--bridge=none",
                "--iptables=false",
            },
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        var daemon = Process.Start(start)!;
        var ready = new TaskCompletionSource();
        daemon.ErrorDataReceived += (_, e) =>
        {
            if (e.Data?.Contains("API listen on", StringComparison.Ordinal) == true)
                ready.TrySetResult();
        };
        daemon.EnableRaisingEvents = true;
        daemon.Exited += (_, _) => ready.TrySetException(new InvalidOperationException("dockerd ended at once"));
        daemon.BeginErrorReadLine();
        daemon.BeginOutputReadLine();
        await ready.Task;
        // Owners are shifted in it, as on disk: nothing that is measured here asks for them.
        await Machine.RunAsync(
            "sh",
            "-c",
            "tar -C \"$1\" --one-file-system -c . | docker -H \"unix://$2\" import - \"$3\"",
            "sh",
            rootPath,
            socket,
            Image
        );
        return new Docker(daemon, socket);
    }

    /// <summary><c>docker run</c> of the same tree and nothing else: milliseconds to the first byte, and to the end.</summary>
    public async Task<(double First, double End)> RunOnceAsync()
    {
        var started = Stopwatch.GetTimestamp();
        using var run = Process.Start(
            new ProcessStartInfo(
                "docker",
                ["-H", $"unix://{Socket}", "run", "--rm", "--network", "none", Image, "sh", "-c", "echo '$ true'; true"]
            )
            {
                RedirectStandardOutput = true,
            }
        )!;
        await run.StandardOutput.BaseStream.ReadExactlyAsync(new byte[1]);
        var first = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        await run.StandardOutput.ReadToEndAsync();
        await run.WaitForExitAsync();
        return (first, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }

    public async ValueTask DisposeAsync()
    {
        using (Process.Start("kill", ["-TERM", $"{daemon.Id}"]))
            await daemon.WaitForExitAsync();
        daemon.Dispose();
    }
}

/// <summary>The product with one part replaced: <c>docker run</c> in the place of the native engine.</summary>
internal static class DockerServer
{
    public static async Task<int> RunAsync(string data, string bundles, string socket)
    {
        using var stop = new CancellationTokenSource();
        using var signal = System.Runtime.InteropServices.PosixSignalRegistration.Create(
            System.Runtime.InteropServices.PosixSignal.SIGTERM,
            context =>
            {
                context.Cancel = true;
                stop.Cancel();
            }
        );
        await using var server = await RunningServer.StartAsync(
            new ServingSettings("http://127.0.0.1:0", null, data, bundles, 2, false),
            services => services.AddSingleton<ISandboxEngine>(new DockerRunEngine(socket)),
            stop.Token
        );
        Console.WriteLine($"listening on {server.Url}, data in {data}");
        await server.RunUntilStoppedAsync(stop.Token);
        return 0;
    }
}

/// <summary>One <c>docker run</c> for each job: what a CI on Docker does.</summary>
internal sealed class DockerRunEngine(string socket) : ISandboxEngine
{
    public string Name => "docker-run";

    public ValueTask<Sandbox> CreateAsync(SandboxSpec spec, CancellationToken stop) =>
        ValueTask.FromResult<Sandbox>(new DockerRun(socket, spec));

    public ValueTask SweepAsync(CancellationToken stop) => ValueTask.CompletedTask;

    private sealed class DockerRun(string socket, SandboxSpec spec) : Sandbox
    {
        public override async ValueTask<SandboxExit> RunAsync(
            SandboxCommand command,
            PipeWriter output,
            CancellationToken polite
        )
        {
            var start = new ProcessStartInfo("docker") { RedirectStandardOutput = true };
            string[] arguments =
            [
                "-H",
                $"unix://{socket}",
                "run",
                "--rm",
                "--network",
                "none",
                "--memory",
                $"{spec.Limits.MemoryBytes}",
                "--pids-limit",
                $"{spec.Limits.Processes}",
                "--workdir",
                "/",
                .. command.Tty ? ["-t"] : Array.Empty<string>(),
                .. command.Env.SelectMany(one => (string[])["-e", $"{one.Key}={one.Value}"]),
                .. spec.Mounts.SelectMany(mount => (string[])["-v", $"{mount.Source}:{mount.Target}:ro"]),
                Docker.Image,
                .. command.Argv,
            ];
            foreach (var argument in arguments)
                start.ArgumentList.Add(argument);
            using var run = Process.Start(start)!;
            await run.StandardOutput.BaseStream.CopyToAsync(output, polite);
            await run.WaitForExitAsync(polite);
            return new SandboxExit(run.ExitCode);
        }

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
