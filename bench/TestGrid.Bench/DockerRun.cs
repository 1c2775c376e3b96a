using System.Diagnostics;
using System.IO.Pipelines;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Serving;
using TestGrid.Runner.Sandboxes;
using TestGrid.Tests.Support;

namespace TestGrid.Bench;

/// <summary>
/// The peer: <c>docker run</c> as any script would use it, of the bundle's tree as an image. It has the product's limits and
/// none of its walls: no network, no seccomp profile, no rights of its own, no lifeline.
/// </summary>
internal sealed class DockerRun
{
    public const string Image = "testgrid-bench";

    private readonly LocalDocker docker;

    private DockerRun(LocalDocker docker) => this.docker = docker;

    public static async Task<DockerRun> PrepareAsync(LocalDocker docker, string rootPath)
    {
        // Owners are shifted in it, as on disk: nothing that is measured here asks for them.
        const string Import = "tar -C \"$1\" --one-file-system -c . | docker import - \"$2\"";
        await docker.RunAsync(new Dictionary<string, string>(), default, "sh", "-c", Import, "sh", rootPath, Image);
        return new DockerRun(docker);
    }

    /// <summary><c>docker run</c> of the same tree and nothing else: milliseconds to the first byte, and to the end.</summary>
    public async Task<(double First, double End)> OnceAsync()
    {
        var started = Stopwatch.GetTimestamp();
        using var run = Process.Start(
            docker.Begin(
                new Dictionary<string, string>(),
                ["docker", "run", "--rm", "--network", "none", Image, "sh", "-c", "echo '$ true'; true"]
            )
        )!;
        await run.StandardOutput.BaseStream.ReadExactlyAsync(new byte[1]);
        var first = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        await run.StandardOutput.ReadToEndAsync();
        await run.WaitForExitAsync();
        return (first, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }
}

/// <summary>The product with one part replaced: <c>docker run</c> in the place of the native engine.</summary>
internal static class DockerServer
{
    public static async Task<int> RunAsync(string data, string bundles, string host)
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
            services => services.AddSingleton<ISandboxEngine>(new DockerRunEngine(host)),
            stop.Token
        );
        Console.WriteLine($"listening on {server.Url}, data in {data}");
        await server.RunUntilStoppedAsync(stop.Token);
        return 0;
    }
}

/// <summary>One <c>docker run</c> for each job: what a CI on Docker does.</summary>
internal sealed class DockerRunEngine(string host) : ISandboxEngine
{
    public string Name => "docker-run";

    public ValueTask<Sandbox> CreateAsync(SandboxSpec spec, CancellationToken stop) =>
        ValueTask.FromResult<Sandbox>(new OneRun(host, spec));

    public ValueTask SweepAsync(CancellationToken stop) => ValueTask.CompletedTask;

    private sealed class OneRun(string host, SandboxSpec spec) : Sandbox
    {
        // The bench's jobs ask for none.
        public override ValueTask<SandboxExit> ServeAsync(string service, SandboxCommand command, PipeWriter output) =>
            throw new NotSupportedException();

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
                host,
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
                DockerRun.Image,
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
