using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Docker;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Cli.Diagnosis;

/// <summary>
/// Does this machine give each sandbox engine what it needs, by the engines' own facts: pods are really started, and a
/// command in one; the Docker daemon is really asked. With <c>auto</c>: which of them jobs get, and why.
/// </summary>
internal static class EngineCheck
{
    public const string Part = "engine";

    private static readonly SandboxEngineFacts[] Engines =
    [
        new("native", "native engine", NativeFactsAsync),
        new("docker", "docker", (ground, stop) => DockerSandboxFacts.ExamineAsync(ground.Sandbox, stop)),
    ];

    public static async IAsyncEnumerable<Finding> ExamineAsync(
        Ground ground,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        var found = new List<(SandboxEngineFacts Engine, List<SandboxFact> Facts)>();
        foreach (var engine in Engines)
            found.Add((engine, await engine.ExamineAsync(ground, stop).ToListAsync(stop)));
        var auto = ground.Runner.Engine == AutoSandboxEngine.Auto;
        // The first that works, as a runner takes it; when none does, what each lacks is the trouble.
        var first = found.Find(one => !one.Facts.Exists(fact => fact.Stops)).Engine;
        foreach (var (engine, facts) in found)
        {
            var used =
                ground.RunsJobs && (auto ? first is null || first == engine : ground.Runner.Engine == engine.Name);
            foreach (var fact in facts)
                yield return new Finding(
                    engine.Part,
                    fact.What,
                    fact.Ok ? FindingLevel.Ok
                        : !used ? FindingLevel.Note
                        : fact.Needed ? FindingLevel.Failure
                        : FindingLevel.Warning,
                    fact.Detail,
                    fact.Ok ? null : fact.Remedy
                );
        }
        if (auto)
            yield return Chosen(ground, first, found[0].Facts.Find(fact => fact.Stops));
    }

    private static Finding Chosen(Ground ground, SandboxEngineFacts? first, SandboxFact? lacking)
    {
        const string What = AutoSandboxEngine.Auto;
        if (first is null)
            return Finding.Missing(Part, What, ground.RunsJobs, "neither engine works here", "one of the lines above");
        return lacking is null
            ? Finding.Ok(Part, What, $"jobs run in {first.Name}: it has what it needs")
            : new Finding(
                Part,
                What,
                ground.RunsJobs ? FindingLevel.Warning : FindingLevel.Note,
                $"jobs run in {first.Name}: the native engine lacks {lacking.What} ({lacking.Detail})",
                lacking.Remedy
            );
    }

    private static async IAsyncEnumerable<SandboxFact> NativeFactsAsync(
        Ground ground,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        await using var engine = new NativeSandboxEngine(
            Options.Create(ground.Sandbox),
            TimeProvider.System,
            NullLogger<NativeSandboxEngine>.Instance
        );
        using var bundle = FindBundle(ground);
        var root = bundle?.Bundle.RootPath ?? await TinyTree.MakeAsync(Path.Combine(ground.ScratchPath, "tree"), stop);
        var facts = new NativeSandboxFacts(engine, ground.Sandbox) { Network = ground.Runner.Network };
        await foreach (var fact in facts.ExamineAsync(root, stop))
            yield return fact;
    }

    // A real one if there is one: it lies where jobs will find theirs.
    private static BundleLease? FindBundle(Ground ground)
    {
        if (!Directory.Exists(ground.Bundles.RootPath))
            return null;
        var store = ground.Get<BundleStore>();
        return store.List().Select(record => store.Find(record.Digest)).FirstOrDefault(lease => lease is not null);
    }

    /// <param name="Name">As settings name the engine.</param>
    /// <param name="Part">As the doctor names it.</param>
    /// <param name="ExamineAsync">Finds its facts out.</param>
    private sealed record SandboxEngineFacts(
        string Name,
        string Part,
        Func<Ground, CancellationToken, IAsyncEnumerable<SandboxFact>> ExamineAsync
    );
}
