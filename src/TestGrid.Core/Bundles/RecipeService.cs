using System.Collections.Immutable;

namespace TestGrid.Core.Bundles;

/// <summary>
/// How a bundle serves beside a job, on the job's localhost: a recipe's <c>service:</c>. It is what an order carries, too.
/// </summary>
public sealed record RecipeService
{
    /// <summary>Travis's words for it, as a configuration's <c>services:</c> has them after its aliases: <c>postgresql</c>.</summary>
    public ImmutableArray<string> Names { get; init; } = [];

    /// <summary>What is served, for people and for those who ask for another: <c>15</c>.</summary>
    public string Version { get; init; } = "";

    /// <summary>A user of the bundle that it is started as.</summary>
    public string User { get; init; } = "root";

    /// <summary>The program and its arguments. It stays in the foreground, and what it writes is its log.</summary>
    public ImmutableArray<string> Start { get; init; } = [];

    /// <summary>The TCP port at which a job reaches it.</summary>
    public int Port { get; init; }

    /// <summary>
    /// The health check, run in the service's own files as its user until it exits with 0; empty waits until somebody
    /// listens at the port.
    /// </summary>
    public ImmutableArray<string> Ready { get; init; } = [];

    /// <summary>
    /// A folder that the job sees, too, for a socket that programs look for by its path: <c>/run/postgresql</c>. Null
    /// when there is none.
    /// </summary>
    public string? Sockets { get; init; }
}

/// <summary>Which recipe gives a service.</summary>
/// <param name="Recipe">The recipe's name.</param>
/// <param name="Service">How it serves.</param>
public sealed record ServiceOffer(string Recipe, RecipeService Service);
