using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Native;
using TestGrid.Tests.Contracts;

namespace TestGrid.Tests.Runner.Sandboxes.Native;

/// <summary>The native engine with crun, or with the runtime that the machine has.</summary>
public sealed class NativeSandboxEngineTests : SandboxContract
{
    protected override int FirstId => new SandboxOptions().FirstId;

    private string StatePath => Path.Combine(Folder.Path, "state");

    protected override ISandboxEngine Create() => Create(new() { StatePath = StatePath });

    private static NativeSandboxEngine Create(SandboxOptions options) =>
        new(Options.Create(options), TimeProvider.System, NullLogger<NativeSandboxEngine>.Instance);
}
