using System.IO.Pipelines;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Git;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Services;

namespace TestGrid.Runner;

/// <summary>A sandbox and all that it stands on. Disposing ends it, and then lets go of what nothing stands on any more.</summary>
public sealed class JobPlace : IAsyncDisposable
{
    private readonly BundleLease bundle;
    private readonly Workspace workspace;
    private readonly ScriptFile script;
    private Sandbox? sandbox;

    internal JobPlace(string name, BundleLease bundle, Workspace workspace, JobServices services, ScriptFile script) =>
        (Name, this.bundle, this.workspace, Services, this.script) = (name, bundle, workspace, services, script);

    /// <summary>The sandbox's.</summary>
    public string Name { get; }

    public Bundle Bundle => bundle.Bundle;

    public Sandbox Sandbox
    {
        get => sandbox ?? throw new InvalidOperationException("It is not made yet.");
        internal set => sandbox = value;
    }

    /// <summary>Its app layer; null when its job wishes for none.</summary>
    public AppLayer? Layer { get; internal set; }

    internal JobServices Services { get; }

    internal string ScriptPath => script.Path;

    /// <summary>Runs the job's script, as <see cref="Sandbox.RunAsync"/> runs a command.</summary>
    public ValueTask<SandboxExit> RunScriptAsync(SandboxCommand command, PipeWriter output, CancellationToken polite) =>
        Layer?.RunAsync(Sandbox, command, output, polite) ?? Sandbox.RunAsync(command, output, polite);

    public async ValueTask DisposeAsync()
    {
        if (sandbox is not null)
            await sandbox.DisposeAsync();
        if (Layer is not null)
            await Layer.DisposeAsync();
        script.Dispose();
        await Services.DisposeAsync();
        await workspace.DisposeAsync();
        await bundle.DisposeAsync();
    }
}
