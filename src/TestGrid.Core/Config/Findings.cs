using System.Collections.Immutable;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>Collects what is odd in one file, each thing once, in the order of the file.</summary>
public sealed class Findings(string file)
{
    // A file of 256 kB can be wrong in every line; nobody reads the thousandth problem.
    private const int Most = 100;

    private readonly HashSet<(YamlMark, string, string)> seen = [];
    private readonly List<ConfigProblem> problems = [];

    public string File { get; } = file;

    /// <summary>The problems, by line; errors of one line before its warnings.</summary>
    public ImmutableArray<ConfigProblem> All =>
        [
            .. problems
                .OrderBy(problem => problem.Line)
                .ThenBy(problem => problem.Column)
                .ThenBy(problem => !problem.IsError),
        ];

    public bool AnyError => problems.Any(problem => problem.IsError);

    public void Warn(YamlMark at, string code, string message, string? remedy = null) =>
        Add(at, code, message, remedy, isError: false);

    public void Error(YamlMark at, string code, string message, string? remedy = null) =>
        Add(at, code, message, remedy, isError: true);

    private void Add(YamlMark at, string code, string message, string? remedy, bool isError)
    {
        // Anchors are read once for each place that uses them: the same line would be told again and again.
        if (!seen.Add((at, code, message)) || (problems.Count >= Most && !isError))
            return;
        problems.Add(new ConfigProblem(File, at.Line, at.Column, code, message, remedy, isError));
    }
}
