using System.Runtime.CompilerServices;

namespace TestGrid.Cli.Diagnosis;

/// <summary>Looks at every part of TestGrid on this machine, one after the other. A new part is one line here.</summary>
internal static class Checkup
{
    private static readonly (
        string Part,
        Func<Ground, CancellationToken, IAsyncEnumerable<Finding>> Examine
    )[] Checks =
    [
        (ServerCheck.Part, ServerCheck.ExamineAsync),
        (GitCheck.Part, (ground, _) => GitCheck.Examine(ground).ToAsyncEnumerable()),
        (BundleCheck.Part, BundleCheck.ExamineAsync),
        (EngineCheck.Part, EngineCheck.ExamineAsync),
        (StoreCheck.Part, (ground, _) => StoreCheck.Examine(ground).ToAsyncEnumerable()),
        (QueueCheck.Part, QueueCheck.ExamineAsync),
        (DiskCheck.Part, (ground, _) => DiskCheck.Examine(ground).ToAsyncEnumerable()),
        (PortCheck.Part, (ground, _) => PortCheck.Examine(ground).ToAsyncEnumerable()),
    ];

    // What only a server has: its data, and a port to listen on.
    private static readonly string[] OfServers = [StoreCheck.Part, PortCheck.Part];

    public static async IAsyncEnumerable<Finding> ExamineAsync(
        Ground ground,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        foreach (var (part, examine) in Checks)
        {
            if (ground.RunnerOf is null ? part is ServerCheck.Part : OfServers.Contains(part))
                continue;
            await foreach (var finding in WholeAsync(part, examine(ground, stop), stop))
                yield return finding;
        }
    }

    // A doctor who faints helps nobody: a check that throws is a finding, and the next one goes on.
    private static async IAsyncEnumerable<Finding> WholeAsync(
        string part,
        IAsyncEnumerable<Finding> findings,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        await using var each = findings.GetAsyncEnumerator(stop);
        while (true)
        {
            Finding? fainted = null;
            try
            {
                if (!await each.MoveNextAsync())
                    yield break;
            }
            catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)
            {
                fainted = new Finding(
                    part,
                    "the check itself",
                    FindingLevel.Failure,
                    $"{e.GetType().Name}: {e.Message}"
                );
            }
            yield return fainted ?? each.Current;
            if (fainted is not null)
                yield break;
        }
    }
}
