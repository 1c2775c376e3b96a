using Microsoft.Extensions.Logging;
using TestGrid.Runner.Sandboxes.Docker;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner.Sandboxes;

/// <summary>
/// The native engine where this machine gives it what it needs, else the docker one. It looks once, before the first
/// sandbox, and keeps to it; when neither works it looks again the next time.
/// </summary>
public sealed partial class AutoSandboxEngine(
    NativeSandboxEngine native,
    DockerSandboxEngine docker,
    SandboxOptions options,
    ILogger<AutoSandboxEngine> log
) : ISandboxEngine, IAsyncDisposable, IDisposable
{
    /// <summary>The name that settings use.</summary>
    public const string Auto = "auto";

    private readonly SemaphoreSlim one = new(1);
    private volatile ISandboxEngine? chosen;

    /// <summary>What jobs shall reach: native is not left for what only a network needs.</summary>
    public SandboxNetwork Network { get; init; } = SandboxNetwork.Egress;

    /// <summary>The chosen engine's, and <c>auto</c> until there is one.</summary>
    public string Name => chosen?.Name ?? Auto;

    public async ValueTask<bool> HasLayersAsync(CancellationToken stop) =>
        await (await ChooseAsync(stop)).HasLayersAsync(stop);

    public async ValueTask<Sandbox> CreateAsync(SandboxSpec spec, CancellationToken stop) =>
        await (await ChooseAsync(stop)).CreateAsync(spec, stop);

    public async ValueTask SweepAsync(CancellationToken stop)
    {
        // An earlier life may have chosen otherwise, and its leavings are ours.
        await native.SweepAsync(stop);
        try
        {
            await docker.SweepAsync(stop);
        }
        catch (SandboxException)
        {
            // No daemon, so nothing in it.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await native.DisposeAsync();
        await docker.DisposeAsync();
        one.Dispose();
    }

    public void Dispose()
    {
        native.Dispose();
        docker.Dispose();
        one.Dispose();
    }

    private async ValueTask<ISandboxEngine> ChooseAsync(CancellationToken stop)
    {
        if (chosen is { } made)
            return made;
        await one.WaitAsync(stop);
        try
        {
            return chosen ??= await LookAsync(stop);
        }
        finally
        {
            one.Release();
        }
    }

    private async Task<ISandboxEngine> LookAsync(CancellationToken stop)
    {
        var facts = new NativeSandboxFacts(native, options) { Network = Network };
        if (await MissingAsync(facts.ExamineAsync(null, stop)) is not { } missing)
            return native;
        var away = await MissingAsync(DockerSandboxFacts.ExamineAsync(options, stop));
        if (away is not null)
            throw new SandboxException($"No sandbox engine works here. native: {Words(missing)} docker: {Words(away)}");
        Chosen(log, missing.What, missing.Detail);
        return docker;
    }

    private static async Task<SandboxFact?> MissingAsync(IAsyncEnumerable<SandboxFact> facts)
    {
        await foreach (var fact in facts)
        {
            if (fact.Stops)
                return fact;
        }
        return null;
    }

    private static string Words(SandboxFact fact) =>
        $"{fact.What}: {fact.Detail.TrimEnd('.')}." + (fact.Remedy is { } remedy ? $" Remedy: {remedy}" : "");

    [LoggerMessage(LogLevel.Warning, "Jobs run in Docker: the native engine lacks {What} ({Detail})")]
    private static partial void Chosen(ILogger log, string what, string detail);
}
