using System.Collections.Immutable;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Matrix;

/// <summary>
/// Gives jobs their stages, and orders them: by stage, allowed failures last in theirs, else as the file has them.
/// </summary>
internal static class StageOrder
{
    private const string Default = "test";

    /// <summary>Every job gets a stage if any has one or the file lists stages; else none has.</summary>
    public static IEnumerable<MatrixJob> Assign(IReadOnlyList<MatrixJob> jobs, YamlMap root)
    {
        var listed = Listed(root);
        if (listed.IsEmpty && jobs.All(job => job.Text("stage") is null))
            return jobs;
        var name = listed
            .Concat(jobs.Select(job => job.Text("stage")).OfType<string>())
            .FirstOrDefault(stage => stage.Equals(Default, StringComparison.OrdinalIgnoreCase), Default);
        return jobs.Select(job =>
            job.Text("stage") is not null
                ? job
                : job with
                {
                    Keys = job.Keys.With("stage", new YamlScalar(name, true, job.Keys.Mark)),
                }
        );
    }

    public static ImmutableArray<MatrixJob> Sort(ImmutableArray<MatrixJob> jobs, YamlMap root)
    {
        var order = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        foreach (var stage in Listed(root).Concat(jobs.Select(job => job.Text("stage")).OfType<string>()))
            order.TryAdd(stage, order.Count);
        return
        [
            .. jobs.OrderBy(job => job.Text("stage") is { } stage ? order[stage] : 0).ThenBy(job => job.AllowFailure),
        ];
    }

    private static ImmutableArray<string> Listed(YamlMap root) =>
        root["stages"] is YamlList list
            ? [.. list.Items.OfType<YamlMap>().Select(stage => (stage["name"] as YamlScalar)?.Text).OfType<string>()]
            : [];
}
