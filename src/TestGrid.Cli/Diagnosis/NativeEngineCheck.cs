using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Cli.Diagnosis;

/// <summary>Does this machine give sandboxes what they need. It really starts pods, and a command in one.</summary>
internal static class NativeEngineCheck
{
    public const string Part = "native engine";

    public static async IAsyncEnumerable<Finding> ExamineAsync(
        Ground ground,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        await using var engine = new NativeSandboxEngine(
            Options.Create(ground.Sandbox),
            TimeProvider.System,
            NullLogger<NativeSandboxEngine>.Instance
        );
        var used = ground.UsesEngine(engine.Name);
        using var bundle = FindBundle(ground);
        var root = bundle?.Bundle.RootPath ?? await TinyTree.MakeAsync(Path.Combine(ground.ScratchPath, "tree"), stop);
        var facts = new NativeSandboxFacts(engine, ground.Sandbox) { Network = ground.Runner.Network };
        await foreach (var fact in facts.ExamineAsync(root, stop))
        {
            var level =
                fact.Ok ? FindingLevel.Ok
                : !used ? FindingLevel.Note
                : fact.Needed ? FindingLevel.Failure
                : FindingLevel.Warning;
            yield return new Finding(Part, fact.What, level, fact.Detail, fact.Ok ? null : fact.Remedy);
        }
    }

    // A real one if there is one: it lies where jobs will find theirs.
    private static BundleLease? FindBundle(Ground ground)
    {
        if (!Directory.Exists(ground.Bundles.RootPath))
            return null;
        var store = ground.Get<BundleStore>();
        return store.List().Select(record => store.Find(record.Digest)).FirstOrDefault(lease => lease is not null);
    }
}
