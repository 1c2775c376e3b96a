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

    /// <summary>How many there are: for <see cref="Forget"/>.</summary>
    public int Count => problems.Count;

    /// <summary>Forgets what was found since there were so many: it was tried, and came to nothing.</summary>
    public void Forget(int count)
    {
        for (var i = problems.Count - 1; i >= count; i--)
        {
            var problem = problems[i];
            seen.Remove((new YamlMark(problem.Line, problem.Column), problem.Code, problem.Message));
            problems.RemoveAt(i);
        }
    }

    public bool AnyError => problems.Any(problem => problem.IsError);

    public void Warn(YamlMark at, string code, string message, string? remedy = null, string? key = null) =>
        Add(at, code, message, remedy, key, isError: false);

    public void Error(YamlMark at, string code, string message, string? remedy = null, string? key = null) =>
        Add(at, code, message, remedy, key, isError: true);

    private void Add(YamlMark at, string code, string message, string? remedy, string? key, bool isError)
    {
        // Anchors are read once for each place that uses them: the same line would be told again and again.
        if (!seen.Add((at, code, message)) || (problems.Count >= Most && !isError))
            return;
        problems.Add(new ConfigProblem(File, at.Line, at.Column, code, message, remedy, isError) { Key = key });
    }
}
