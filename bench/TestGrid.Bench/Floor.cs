using System.Collections.Immutable;
using System.Diagnostics;
using System.IO.Pipelines;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Machine;
using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Grids;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Git;
using TestGrid.Runner.Reporting;
using TestGrid.Runner.Sandboxes;
using TestGrid.Tests.Support;

namespace TestGrid.Bench;

/// <summary>
/// The floor: the product's own engine with the product's settings, over a shared checkout, driven by a loop without webhook,
/// store, queue and dashboard. What is above it is ours to answer for.
/// </summary>
internal sealed class Floor : IAsyncDisposable
{
    private readonly ServiceProvider services;
    private readonly ISandboxEngine engine;
    private readonly BundleLease bundle;
    private readonly Workspace workspace;
    private readonly ScriptFile script;
    private readonly JobOrder order;
    private readonly JobGround ground;
    private readonly ImmutableArray<SandboxMount> machineFiles;
    private int made;

    private static readonly JobClaim Claim = new(
        new JobLease(new JobId(1, 1), 1, ""),
        TimeSpan.FromMinutes(1),
        ImmutableSortedDictionary<string, string>.Empty,
        null
    );

    private Floor(
        ServiceProvider services,
        BundleLease bundle,
        Workspace workspace,
        ScriptFile script,
        JobOrder order,
        ImmutableArray<SandboxMount> machineFiles
    )
    {
        (this.services, this.bundle, this.workspace) = (services, bundle, workspace);
        (this.script, this.order, this.machineFiles) = (script, order, machineFiles);
        engine = services.GetRequiredService<ISandboxEngine>();
        ground = services.GetRequiredService<JobGround>();
    }

    public string RootPath => bundle.Bundle.RootPath;

    /// <param name="settings">Where bundles are.</param>
    /// <param name="work">Where it may write.</param>
    /// <param name="source">What is checked out.</param>
    /// <param name="docker">The daemon for the product's docker engine; null takes the native one.</param>
    public static async Task<Floor> StartAsync(
        BenchSettings settings,
        WorkFolder work,
        SampleSource source,
        LocalDocker? docker = null
    )
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddRunner();
        LocalServices.Configure(services, work.New("floor"), settings.Bundles, "floor");
        if (docker is not null)
        {
            services.Configure<RunnerOptions>(runner => runner.Engine = "docker");
            services.Configure<SandboxOptions>(sandbox => sandbox.DockerHost = docker.Host);
        }
        services.AddSingleton<GitMirror>();
        var provider = services.BuildServiceProvider();
        var bundle = await provider
            .GetRequiredService<BundleStore>()
            .GetAsync("base", new Progress<BundleProgress>(), CancellationToken.None);
        var order = new JobOrder(
            new JobId(1, 1),
            1,
            new RepositoryRef(1, "local", "bench/floor", source.Folder),
            new Trigger(TriggerKind.Push, new CommitRef(source.Sha, "refs/heads/main")),
            new JobConfig
            {
                Language = "generic",
                Bundle = "base",
                Cell = Cell.Only,
                Phases = [new Phase("script", ["true"])],
            },
            JobLimits.Default
        );
        var workspace = await provider
            .GetRequiredService<GitMirror>()
            .CheckOutAsync(order, null, CancellationToken.None);
        var script = provider.GetRequiredService<JobGround>().WriteScript("floor", JobScript.Compile(order));
        var files = await provider
            .GetRequiredService<BundleStore>()
            .MachineFilesAsync(bundle.Bundle, CancellationToken.None);
        return new Floor(
            provider,
            bundle,
            workspace,
            script,
            order,
            [.. files.Select(file => new SandboxMount(file.Source, file.Target, SandboxMountKind.ReadOnly))]
        );
    }

    /// <summary>One sandbox from nothing to gone: milliseconds to the first byte of output, and to the end.</summary>
    public async Task<(double First, double End)> OnceAsync()
    {
        var started = Stopwatch.GetTimestamp();
        var spec = new SandboxSpec(
            $"floor-{++made}",
            RootPath,
            [
                new SandboxMount(
                    workspace.TreePath,
                    $"/home/travis/build/{order.Repository.Slug}",
                    SandboxMountKind.Overlay
                ),
                new SandboxMount(workspace.ObjectsPath!, Workspace.ObjectsMountPoint, SandboxMountKind.ReadOnly),
                new SandboxMount(script.Path, JobScript.MountPoint, SandboxMountKind.ReadOnly),
                .. machineFiles,
            ],
            order.Limits,
            ground.Network
        )
        {
            Digest = bundle.Bundle.Digest,
        };
        var pipe = new Pipe();
        double first;
        await using (var sandbox = await engine.CreateAsync(spec, CancellationToken.None))
        {
            var running = sandbox.RunAsync(
                JobRunner.Command(order, Claim, bundle.Bundle, PhaseMarks.NewKey()),
                pipe.Writer,
                CancellationToken.None
            );
            first = await FirstWordsAsync(pipe.Reader, started);
            await running;
            await pipe.Writer.CompleteAsync();
        }
        return (first, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }

    public async ValueTask DisposeAsync()
    {
        await workspace.DisposeAsync();
        await bundle.DisposeAsync();
        script.Dispose();
        await services.DisposeAsync();
    }

    private static async Task<double> FirstWordsAsync(PipeReader reader, long started)
    {
        var read = await reader.ReadAsync();
        var first = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        reader.AdvanceTo(read.Buffer.End);
        return first;
    }
}
