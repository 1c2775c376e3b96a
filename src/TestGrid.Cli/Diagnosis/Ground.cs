using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TestGrid.Cli.Api;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Serving;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Git;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Cli.Diagnosis;

/// <summary>What the checks stand on: this machine, and the settings that a server would start with here.</summary>
internal sealed class Ground : IAsyncDisposable
{
    /// <summary>What a service manager gives a service: where its programs are looked for.</summary>
    public const string SystemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private readonly ServiceProvider services;

    private Ground(ServingSettings settings, Func<Connection>? runnerOf, ServiceProvider services, string scratch)
    {
        (Settings, RunnerOf, this.services, ScratchPath) = (settings, runnerOf, services, scratch);
        Runner = Value<RunnerOptions>();
        if (settings.Slots is { } slots)
            Runner.Slots = slots;
        Sandbox = Value<SandboxOptions>();
        Bundles = Value<BundleOptions>();
        Git = Value<GitOptions>();
        Queue = QueueChoice.Read(
            LocalServices.Settings(settings.DataPath, settings.BundlesPath, "embedded"),
            settings.Queue
        );
    }

    public ServingSettings Settings { get; }

    /// <summary>Where this machine's runner finds its server, when it is a runner's and no server's.</summary>
    public Func<Connection>? RunnerOf { get; }

    public RunnerOptions Runner { get; }

    public SandboxOptions Sandbox { get; }

    public BundleOptions Bundles { get; }

    public GitOptions Git { get; }

    public QueueOptions Queue { get; }

    /// <summary>A folder of this examination's own; it goes with it.</summary>
    public string ScratchPath { get; }

    /// <summary>Folders where programs are looked for, as in <c>$PATH</c>.</summary>
    public string SearchPath { get; set; } = SystemPath;

    /// <summary>Jobs run on this machine.</summary>
    public bool RunsJobs => Runner.Slots > 0;

    /// <exception cref="ValidationException">A setting is out of its range, or they cannot be read; the message says which.</exception>
    public static Ground Open(ServingSettings settings, Func<Connection>? runnerOf = null)
    {
        // Not in the data folder: that one may be broken, and looking at a machine leaves no trace on it.
        var scratch = Directory.CreateTempSubdirectory("testgrid-doctor-").FullName;
        try
        {
            ServerSettings.Read(settings).Validate();
            File.SetUnixFileMode(scratch, (UnixFileMode)0x1ED); // 0755: sandboxes run as strangers
            var services = new ServiceCollection();
            services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Critical));
            services.AddRunner();
            LocalServices.Configure(services, settings.DataPath, settings.BundlesPath, "embedded");
            // The server's own sandboxes are not to be touched, nor its waiting pods doubled.
            services.PostConfigure<SandboxOptions>(sandbox =>
                (sandbox.StatePath, sandbox.PreparedPods) = (Path.Combine(scratch, "sandboxes"), 0)
            );
            return new Ground(settings, runnerOf, services.BuildServiceProvider(), scratch);
        }
        catch (Exception e)
        {
            Directory.Delete(scratch, recursive: true);
            if (e is OptionsValidationException or InvalidDataException or InvalidOperationException)
                throw new ValidationException(OperatorSettings.Told(e));
            throw;
        }
    }

    /// <summary>A part of the runner, as the server would make it.</summary>
    public T Get<T>()
        where T : notnull => services.GetRequiredService<T>();

    /// <summary>The folder, or the nearest one above it that is there.</summary>
    public static string Existing(string path)
    {
        var found = Path.GetFullPath(path);
        while (!Directory.Exists(found) && Path.GetDirectoryName(found) is { } above)
            found = above;
        return found;
    }

    /// <summary>The program's full path, or null.</summary>
    public string? FindProgram(string name) =>
        SearchPath
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);

    public async ValueTask DisposeAsync()
    {
        await services.DisposeAsync();
        Directory.Delete(ScratchPath, recursive: true);
    }

    private T Value<T>()
        where T : class => services.GetRequiredService<IOptions<T>>().Value;
}
