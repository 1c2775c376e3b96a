using System.Runtime.CompilerServices;
using TestGrid.Runner.Sandboxes.Docker;

namespace TestGrid.Cli.Diagnosis;

/// <summary>Does a Docker daemon answer, for the other sandbox engine, and what does it give.</summary>
internal static class DockerCheck
{
    public const string Part = "docker";

    public static async IAsyncEnumerable<Finding> ExamineAsync(
        Ground ground,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        var used = ground.UsesEngine("docker");
        await foreach (var fact in DockerSandboxFacts.ExamineAsync(ground.Sandbox, stop))
        {
            var level =
                fact.Ok ? FindingLevel.Ok
                : !used ? FindingLevel.Note
                : fact.Needed ? FindingLevel.Failure
                : FindingLevel.Warning;
            yield return new Finding(Part, fact.What, level, fact.Detail, fact.Ok ? null : fact.Remedy);
        }
    }
}
