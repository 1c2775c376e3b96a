using System.Collections.Immutable;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Matrix;

/// <summary>
/// How an entry of <c>exclude</c> or <c>allow_failures</c> names jobs: by values, each of which must be the job's.
/// </summary>
internal static class MatrixRules
{
    /// <summary>Does this entry of <c>jobs.exclude</c> take the job out?</summary>
    /// <param name="rule">The entry.</param>
    /// <param name="job">A job with everything that is shared.</param>
    /// <param name="conditions">For the entry's <c>if</c>: where it does not hold, the entry is not there.</param>
    public static bool Excludes(YamlMap rule, MatrixJob job, MatrixConditions conditions) =>
        conditions.Holds(rule["if"], job.Keys)
        && Conditions(rule)
            .All(entry =>
                entry.Key switch
                {
                    "env" => Env(job).Equals(entry.Value),
                    "stage" => IsStage(entry.Value, job.Keys["stage"]),
                    _ => job.Keys[entry.Key] is { } value && Wrapped(value).SequenceEqual(Wrapped(entry.Value)),
                }
            )
        && !rule.IsEmpty;

    /// <summary>Does this entry of <c>jobs.allow_failures</c> name the job? An empty one names none.</summary>
    /// <param name="rule">The entry.</param>
    /// <param name="job">A finished job.</param>
    /// <param name="global">The variables that every job has.</param>
    /// <param name="branch">The branch of the build, if it is known.</param>
    /// <param name="conditions">For the entry's <c>if</c>.</param>
    public static bool Allows(
        YamlMap rule,
        MatrixJob job,
        ImmutableArray<YamlNode> global,
        string? branch,
        MatrixConditions conditions
    ) =>
        !rule.IsEmpty
        && conditions.Holds(rule["if"], job.Keys)
        && Conditions(rule)
            .All(entry =>
                entry.Key switch
                {
                    // Travis's old form: compared with the branch of the build, not with anything of the job.
                    "branch" => branch is null || entry.Value.ToString() == branch,
                    "branches" => branch is null || BranchOf(entry.Value) == branch,
                    "env" => Env(job).Equals(entry.Value) || AllGlobal(entry.Value, Env(job), global),
                    _ => job.Keys[entry.Key] is { } value && value.Equals(entry.Value),
                }
            );

    private static IEnumerable<YamlEntry> Conditions(YamlMap rule) => rule.Entries.Where(entry => entry.Key != "if");

    private static YamlNode Env(MatrixJob job) => job.Keys["env"] ?? new YamlList([], job.Keys.Mark);

    private static ImmutableArray<YamlNode> Wrapped(YamlNode node) => node is YamlList list ? list.Items : [node];

    private static bool AllGlobal(YamlNode rule, YamlNode own, ImmutableArray<YamlNode> global)
    {
        var extra = Wrapped(rule).Except(Wrapped(own)).ToList();
        return extra.Count > 0 && extra.All(global.Contains);
    }

    private static bool IsStage(YamlNode rule, YamlNode? stage) =>
        stage is null ? string.Equals(rule.ToString(), "test", StringComparison.OrdinalIgnoreCase) : stage.Equals(rule);

    private static string? BranchOf(YamlNode node) =>
        node is YamlMap map && map["only"] is YamlList { Items: [YamlScalar first, ..] } ? first.Text : null;
}
