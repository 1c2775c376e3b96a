using System.ComponentModel.DataAnnotations;
using TestGrid.Core.Jobs;

namespace TestGrid.Server.Planning;

/// <summary>What a build may ask for. Key <c>planning</c>.</summary>
public sealed class PlanningOptions
{
    /// <summary>Builds planned at the same time; one slow repository must not hold up the others.</summary>
    [Range(1, 64)]
    public int AtOnce { get; init; } = 4;

    /// <summary>The most jobs that one build may have.</summary>
    [Range(1, 10_000)]
    public int JobsMax { get; init; } = 200;

    /// <summary>How often a repository that cannot be fetched is tried before its build is errored.</summary>
    [Range(1, 100)]
    public int FetchTries { get; init; } = 4;

    /// <summary>
    /// A job whose service has no bundle here runs without it, and its log says so. As it is, it is errored, unless its
    /// configuration says <c>missing_services: warn</c>.
    /// </summary>
    public bool RunsWithoutServices { get; init; }

    /// <summary>What each job may use at most.</summary>
    public JobLimitOptions Limits { get; init; } = new();
}
