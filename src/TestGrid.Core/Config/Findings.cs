using System.Collections.Immutable;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>
/// Collects what is odd in a configuration, each thing once, in the order of its file and then of those it imports.
/// </summary>
public sealed class Findings(string file)
{
    // A file of 256 kB can be wrong in every line; nobody reads the thousandth problem.
    private const int Most = 100;

    private readonly HashSet<(YamlMark, string, string)> seen = [];
    private readonly List<(YamlMark Mark, ConfigProblem Problem)> problems = [];
    private readonly List<string> files = [file];

    public string File { get; } = file;

    /// <summary>The problems, by file and line; errors of one line before its warnings.</summary>
    public ImmutableArray<ConfigProblem> All =>
        [
            .. problems
                .OrderBy(found => found.Mark.File)
                .ThenBy(found => found.Mark.Line)
                .ThenBy(found => found.Mark.Column)
                .ThenBy(found => !found.Problem.IsError)
                .Select(found => found.Problem),
        ];

    /// <summary>How many there are: for <see cref="Forget"/>.</summary>
    public int Count => problems.Count;

    /// <summary>One more file that is part of this configuration; gives its number for marks.</summary>
    public int Add(string imported)
    {
        files.Add(imported);
        return files.Count - 1;
    }

    /// <summary>The name of the file that a mark is in.</summary>
    public string FileOf(YamlMark mark) => files[mark.File];

    /// <summary>Forgets what was found since there were so many: it was tried, and came to nothing.</summary>
    public void Forget(int count)
    {
        for (var i = problems.Count - 1; i >= count; i--)
        {
            var (mark, problem) = problems[i];
            seen.Remove((mark, problem.Code, problem.Message));
            problems.RemoveAt(i);
        }
    }

    public bool AnyError => problems.Any(found => found.Problem.IsError);

    public void Warn(YamlMark at, string code, string message, string? remedy = null, string? key = null) =>
        Add(at, code, message, remedy, key, isError: false);

    public void Error(YamlMark at, string code, string message, string? remedy = null, string? key = null) =>
        Add(at, code, message, remedy, key, isError: true);

    private void Add(YamlMark at, string code, string message, string? remedy, string? key, bool isError)
    {
        // Anchors are read once for each place that uses them: the same line would be told again and again.
        if (!seen.Add((at, code, message)) || (problems.Count >= Most && !isError))
            return;
        problems.Add(
            (at, new ConfigProblem(FileOf(at), at.Line, at.Column, code, message, remedy, isError) { Key = key })
        );
    }
}
