using System.Collections.Immutable;
using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Grids;

namespace TestGrid.Core.Config;

/// <summary>
/// What differs between the jobs of a build, for people: a key is an axis when two jobs have different values for it.
/// </summary>
internal sealed class VaryingAxes
{
    private readonly ImmutableArray<MatrixJob> jobs;

    public VaryingAxes(ImmutableArray<MatrixJob> jobs)
    {
        this.jobs = jobs;
        string[] candidates = ["language", .. KeyTable.Axes.Select(axis => axis.Key), "dist", "env"];
        Names = [.. candidates.Where(key => Values(key).Distinct().Count() > 1)];
    }

    public ImmutableArray<string> Names { get; }

    /// <summary>A job's place. An axis that says nothing of the job is left out of it.</summary>
    public Cell CellOf(MatrixJob job) =>
        new([
            .. Names
                .Select(name => (Name: name, Value: Value(job, name)))
                .Where(pair => pair.Value is not null)
                .Select(pair => new AxisValue(pair.Name, pair.Value!)),
        ]);

    public override string ToString() => $"{jobs.Length} jobs over {string.Join(", ", Names)}";

    // A job of another system has no dist, and that is not what it differs in.
    private IEnumerable<string?> Values(string key) =>
        jobs.Select(job => Value(job, key)).Where(value => key != "dist" || value is not null);

    private static string? Value(MatrixJob job, string key) =>
        key == "env" ? JobEnv.Text(job.Keys["env"]) : job.Text(key);
}
