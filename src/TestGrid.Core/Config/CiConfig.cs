using System.Collections.Immutable;

namespace TestGrid.Core.Config;

/// <summary>A whole configuration, expanded: every job that one commit asks for.</summary>
/// <param name="File">The file it was read from: <c>.testgrid.yml</c> or <c>.travis.yml</c>.</param>
/// <param name="Jobs">The jobs, in Travis's order; cell 1 is the first.</param>
/// <param name="Axes">The names of the axes that vary, in order: <c>python</c>, <c>env</c>.</param>
/// <param name="Problems">What is odd and does not stop it: unknown keys, ignored features.</param>
/// <param name="OnlyBranches">Patterns of branches to build, empty for all (Travis's <c>branches.only</c>).</param>
/// <param name="ExceptBranches">Patterns of branches not to build.</param>
/// <param name="FastFinish">The build is over when only allowed failures are left.</param>
/// <param name="FailFast">The first job that fails, and may not, ends the others.</param>
/// <param name="MaxParallel">The most jobs of the build at once; null for as many as there is room for.</param>
public sealed record CiConfig(
    string File,
    ImmutableArray<JobConfig> Jobs,
    ImmutableArray<string> Axes,
    ImmutableArray<ConfigProblem> Problems,
    ImmutableArray<string> OnlyBranches,
    ImmutableArray<string> ExceptBranches,
    bool FastFinish = false,
    bool FailFast = false,
    int? MaxParallel = null
);

/// <summary>Something in a configuration that a person should mend, where it stands.</summary>
/// <param name="File">The file's name.</param>
/// <param name="Line">From 1; 0 when it is about the whole file.</param>
/// <param name="Column">From 1; 0 when it is about the whole line.</param>
/// <param name="Code">Stable and documented: <c>TG0002</c>.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="Remedy">What to write instead, if that is known.</param>
/// <param name="IsError">It stops the build; a warning does not.</param>
public sealed record ConfigProblem(
    string File,
    int Line,
    int Column,
    string Code,
    string Message,
    string? Remedy = null,
    bool IsError = true
)
{
    /// <summary>The place as keys with dots, <c>jobs.include.rvm</c>; null where it is not one key's.</summary>
    public string? Key { get; init; }

    /// <summary>
    /// The form that editors and problem matchers read: <c>file:line:column: error CODE: message</c>.
    /// </summary>
    public override string ToString() =>
        $"{File}:{Line}:{Column}: {(IsError ? "error" : "warning")} {Code}: {Message}"
        + (Remedy is null ? "" : $" — {Remedy}");
}

/// <summary>What reading a configuration gave: all of it, every problem in it, or why no build is wanted.</summary>
public abstract record ConfigReading
{
    public sealed record Read(CiConfig Config) : ConfigReading;

    public sealed record Refused(ImmutableArray<ConfigProblem> Problems) : ConfigReading;

    /// <summary>It is in order, and asks for no build of what happened.</summary>
    /// <param name="Reason">A code of <see cref="Builds.BuildReason"/>.</param>
    /// <param name="Sentence">Which condition says so.</param>
    /// <param name="Problems">What is odd in it.</param>
    public sealed record Unwanted(string Reason, string Sentence, ImmutableArray<ConfigProblem> Problems)
        : ConfigReading;
}
