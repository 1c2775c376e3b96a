using System.Collections.Immutable;
using System.Text;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Import;

/// <summary>What became of one line of a <c>.travis.yml</c>.</summary>
/// <param name="Line">The line there.</param>
/// <param name="Key">The key, as it was written.</param>
/// <param name="Fate">What became of it.</param>
/// <param name="Why">Why it is not kept as it is, or what is left to do; empty for what is kept.</param>
public sealed record ImportLine(int Line, string Key, ImportFate Fate, string Why);

public enum ImportFate
{
    /// <summary>It stands there as it was.</summary>
    Kept,

    /// <summary>Its key is written as it is read.</summary>
    Renamed,

    /// <summary>It stands there as a comment: nothing here acts on it.</summary>
    Commented,

    /// <summary>It is new.</summary>
    Added,

    /// <summary>It is kept, and a person must do something.</summary>
    ToDo,
}

/// <summary>A <c>.testgrid.yml</c> made from a <c>.travis.yml</c>, or why not.</summary>
/// <param name="Text">The new file; null when the old one cannot be read.</param>
/// <param name="Report">What became of each part, by line.</param>
/// <param name="Problems">Why it cannot be read.</param>
public sealed record ImportResult(
    string? Text,
    ImmutableArray<ImportLine> Report,
    ImmutableArray<ConfigProblem> Problems
);

/// <summary>
/// Makes a <c>.testgrid.yml</c> from a <c>.travis.yml</c>. Both are one language, so the text stays the person's own, with its
/// comments: keys are renamed in place, what nothing here acts on becomes a comment, and what Travis means without saying it
/// is written out. The new text is read again: unless it gives the very same jobs, there is none.
/// </summary>
public static class TravisImport
{
    public static ImportResult Of(string file, ReadOnlyMemory<byte> utf8, ConfigSettings settings)
    {
        switch (CiConfigReader.Read(file, utf8, settings))
        {
            case ConfigReading.Refused(var problems):
                return new ImportResult(null, [], problems);
            case ConfigReading.Read(var config):
                var root =
                    YamlTree.Read(utf8.Span, new YamlLimits(settings.MaxBytes, settings.MaxDepth)).Root as YamlMap;
                var result = Make(isChanged: true);
                // Where a change would be one of meaning (a key twice, an odd comment), the text stays as it was.
                if (result.Text is null)
                    result = Make(isChanged: false);
                return result.Text is not null ? result : new ImportResult(null, result.Report, [Lost(file)]);

                ImportResult Make(bool isChanged)
                {
                    var text = Encoding.UTF8.GetString(utf8.Span).TrimStart('\ufeff');
                    var lines = text.ReplaceLineEndings("\n").Split('\n');
                    // What is odd in an imported file stays there.
                    var problems = config.Problems.Where(problem => problem.File == file).ToImmutableArray();
                    var report = Rewrite(lines, root, problems, isChanged);
                    var first = root?.Entries.Select(entry => entry.Mark.Line).DefaultIfEmpty().Min() ?? 0;
                    return Complete(file, lines, first, report, config, settings);
                }
            default:
                throw new InvalidOperationException();
        }
    }

    private static ConfigProblem Lost(string file) =>
        new(
            file,
            0,
            0,
            ProblemCode.NoJobs,
            "a new file would not give the same jobs, so none is written",
            "TestGrid reads the .travis.yml as it is"
        );

    private static List<ImportLine> Rewrite(
        string[] lines,
        YamlMap? root,
        ImmutableArray<ConfigProblem> problems,
        bool isChanged
    )
    {
        var report = new List<ImportLine>();
        var entries = (root?.Entries ?? []).OrderBy(entry => entry.Mark.Line).ToList();
        // Text in braces has no lines of its own to change.
        var isBlock = isChanged && entries.Count > 0 && entries.All(entry => entry.Mark.Column == 1);
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            var end = i + 1 < entries.Count ? entries[i + 1].Mark.Line - 1 : lines.Length;
            var why = problems.FirstOrDefault(problem =>
                (problem.Line, problem.Column) == (entry.Mark.Line, entry.Mark.Column)
                && problem.Code is ProblemCode.Ignored or ProblemCode.UnknownKey
                && problem.Line == entry.Mark.Line
            );
            var isAnchor = HoldsAnchor(lines, entry.Mark.Line, end);
            if (why is not null && isBlock && !isAnchor)
                report.Add(Comment(lines, entry, end, why.Message));
            else if (isBlock && Mended(problems, entry) is { } key)
                report.Add(Rename(lines, entry, key));
            else
                report.Add(new ImportLine(entry.Mark.Line, entry.Key, ImportFate.Kept, why?.Message ?? ""));
        }

        var told = report.Where(line => line.Fate is not ImportFate.Kept).Select(line => line.Line).ToHashSet();
        report.AddRange(
            problems
                .Where(problem => !told.Contains(problem.Line))
                .Where(problem => report.All(line => line.Line != problem.Line || line.Why != problem.Message))
                .Select(problem => new ImportLine(
                    problem.Line,
                    problem.Code,
                    ImportFate.ToDo,
                    problem.Remedy is null ? problem.Message : $"{problem.Message}: {problem.Remedy}"
                ))
        );
        return report;
    }

    /// <summary>The key that it is read as, when that is another.</summary>
    private static string? Mended(ImmutableArray<ConfigProblem> problems, YamlEntry entry) =>
        problems
            .FirstOrDefault(problem =>
                problem.Code == ProblemCode.MendedKey
                && (problem.Line, problem.Column) == (entry.Mark.Line, entry.Mark.Column)
            )
            ?.Remedy
            is { } remedy
        && remedy.StartsWith("write ", StringComparison.Ordinal)
            ? remedy["write ".Length..].TrimEnd(':')
            : null;

    // A part that others refer to must stay where it is.
    private static bool HoldsAnchor(string[] lines, int from, int to) =>
        lines[(from - 1)..to].Any(line => line.Contains('&', StringComparison.Ordinal));

    private static ImportLine Comment(string[] lines, YamlEntry entry, int end, string why)
    {
        // Blank lines and comments before the next key are that key's.
        while (end > entry.Mark.Line && (lines[end - 1].Trim().Length == 0 || lines[end - 1].StartsWith('#')))
            end--;
        for (var line = entry.Mark.Line; line <= end; line++)
            lines[line - 1] = lines[line - 1].Length == 0 ? "#" : "# " + lines[line - 1];
        return new ImportLine(entry.Mark.Line, entry.Key, ImportFate.Commented, why);
    }

    private static ImportLine Rename(string[] lines, YamlEntry entry, string key)
    {
        var line = lines[entry.Mark.Line - 1];
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        if (colon > 0)
            lines[entry.Mark.Line - 1] = key + line[colon..];
        return new ImportLine(entry.Mark.Line, entry.Key, ImportFate.Renamed, $"it is read as {key}");
    }

    private static ImportResult Complete(
        string file,
        string[] lines,
        int first,
        List<ImportLine> report,
        CiConfig config,
        ConfigSettings settings
    )
    {
        var head = $"# Made from {Path.GetFileName(file)} by `testgrid config import`.\n";
        var language = $"language: {config.Jobs[0].Language}";
        var spoken =
            first > 0 ? lines.Take(first - 1).Append(language).Concat(lines.Skip(first - 1)) : lines.Append(language);
        var text = Text(lines);
        if (!IsSame(config, text, settings))
        {
            // What a .travis.yml means without a language.
            text = Text(spoken);
            report.Add(
                new ImportLine(
                    0,
                    "language",
                    ImportFate.Added,
                    $"a .travis.yml without one is {config.Jobs[0].Language}'s"
                )
            );
        }

        if (!IsSame(config, text, settings))
            return new ImportResult(null, [], []);
        var missing = config
            .Jobs.Select((job, index) => (job.Impossible, Cell: index + 1))
            .Where(job => job.Impossible is not null)
            .GroupBy(job => job.Impossible!.Sentence);
        report.AddRange(
            missing.Select(group => new ImportLine(
                0,
                $"job {string.Join(", ", group.Select(job => job.Cell).Take(5))}{(group.Count() > 5 ? ", …" : "")}",
                ImportFate.ToDo,
                group.Key
            ))
        );
        return new ImportResult(text, [.. report.OrderBy(line => line.Line == 0).ThenBy(line => line.Line)], []);

        string Text(IEnumerable<string> body) => head + string.Join('\n', body).TrimEnd('\n') + "\n";
    }

    private static bool IsSame(CiConfig old, string text, ConfigSettings settings) =>
        CiConfigReader.Read(".testgrid.yml", Encoding.UTF8.GetBytes(text), settings) is ConfigReading.Read(var config)
        && old.Jobs.Select(Sign).SequenceEqual(config.Jobs.Select(Sign))
        && old.OnlyBranches.SequenceEqual(config.OnlyBranches)
        && old.ExceptBranches.SequenceEqual(config.ExceptBranches)
        && old.FastFinish == config.FastFinish;

    // All that a job runs; the file's name and the notes about what is left out may differ.
    private static string Sign(JobConfig job) =>
        string.Join(
            '\u0001',
            [
                job.Bundle,
                // Only a .travis.yml has a dist by default, and nothing runs differently for it.
                string.Join(',', job.Cell.Values.Where(value => value.Axis != "dist")),
                job.Name ?? "",
                job.Stage ?? "",
                $"{job.AllowFailure} {job.Os} {job.Arch} {job.Tty} {job.Submodules} {job.Limits}",
                .. job.Env.Select(one => $"{one.Name}={one.Value}"),
                .. job.AptPackages,
                $"{string.Join(' ', job.Addons.Hosts)} {string.Join(' ', job.Addons.KnownHosts)} {job.Addons.CodeClimateToken}",
                .. job.Deployments.Where(one => one.Provider == "script").Select(one => $"{one.Provider} {one.Script}"),
                .. job.Phases.SelectMany(phase => phase.Commands.Prepend(phase.Name)),
            ]
        );
}
