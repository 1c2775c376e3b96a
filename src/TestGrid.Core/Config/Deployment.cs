using System.Collections.Immutable;

namespace TestGrid.Core.Config;

/// <summary>
/// One entry of Travis's <c>deploy</c>: what to run after a job that passed, and when. Nothing else of the entry is
/// kept: it may hold passwords of vendors.
/// </summary>
/// <param name="Provider">Travis's name: <c>script</c>, <c>npm</c>, … Only <c>script</c> runs here.</param>
/// <param name="Script">Bash source for the provider <c>script</c>, run by a shell of its own; else null.</param>
public sealed record Deployment(string Provider, string? Script)
{
    /// <summary><c>on: repo</c>: the only repository, as <c>owner/name</c>, or null for any.</summary>
    public string? Repository { get; init; }

    /// <summary>The branches, each a name or a shell pattern; none for any.</summary>
    public ImmutableArray<string> Branches { get; init; } = [];

    /// <summary>True for tags only, false for anything but tags, null for either.</summary>
    public bool? Tags { get; init; }

    /// <summary><c>on: condition</c>: tests of bash, as they stand between <c>[[</c> and <c>]]</c>; all must hold.</summary>
    public ImmutableArray<string> Conditions { get; init; } = [];

    /// <summary>Variables of a language and the value they must have: <c>TRAVIS_PYTHON_VERSION</c>, <c>3.11</c>.</summary>
    public ImmutableArray<EnvVar> Versions { get; init; } = [];

    /// <summary>A failure changes nothing.</summary>
    public bool AllowFailure { get; init; }
}
