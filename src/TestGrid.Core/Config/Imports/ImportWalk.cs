using System.Collections.Immutable;
using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Imports;

/// <summary>
/// Follows <c>import</c> through all files, each import and then its own, and merges them into one tree. A file that
/// imports itself, or that was imported before, is skipped.
/// </summary>
internal sealed class ImportWalk(ConfigSettings settings, Findings findings)
{
    private readonly MatrixConditions conditions = new(settings, [], findings);
    private readonly HashSet<ImportSource> seen = [];
    private readonly List<(YamlMap Map, string Mode)> parts = [];
    private readonly List<ImportSource> missing = [];
    private long bytes;

    /// <summary>What has still to be collected; known after <see cref="Merged"/>.</summary>
    public IReadOnlyList<ImportSource> Missing => missing;

    /// <summary>The tree with everything it imports under it; the importing file wins.</summary>
    public YamlMap Merged(YamlMap root)
    {
        Visit(root, null, []);
        if (parts.Count == 0)
            return root;
        var merged = parts.Aggregate(root, (tree, part) => TreeMerge.Of(tree, part.Map, part.Mode));
        var most = new YamlLimits().Weight;
        if (merged.Weight <= most)
            return merged;
        findings.Error(
            ImportMark(root),
            ProblemCode.OverLimit,
            $"it has more than {most:N0} parts with what it imports"
        );
        return root;
    }

    private void Visit(YamlMap map, ImportSource? file, ImmutableList<ImportSource> writers)
    {
        foreach (var import in Imports(map))
        {
            var written = ((import as YamlMap)?["source"] as YamlScalar)?.Text;
            if (written is null)
                continue; // told by the shape
            if (ImportSource.Read(written, file, settings.Slug) is not { } source)
            {
                findings.Error(
                    import.Mark,
                    ProblemCode.BadImport,
                    $"'{Shapes.Short(written)}' names no file to import",
                    "write path/to/file.yml, or owner/name:path/to/file.yml@branch"
                );
                continue;
            }

            if (!conditions.Holds(((YamlMap)import)["if"], new YamlMap([], import.Mark)))
                continue;
            if (writers.Contains(source))
            {
                findings.Warn(
                    import.Mark,
                    ProblemCode.ImportedAgain,
                    $"'{source}' imports itself over this line: it is skipped here"
                );
                continue;
            }

            if (!seen.Add(source))
                continue;
            if (seen.Count > ConfigImports.Most)
            {
                findings.Error(
                    import.Mark,
                    ProblemCode.OverLimit,
                    $"more than {ConfigImports.Most} files are imported",
                    "merge some of them"
                );
                return;
            }

            var mode = (((YamlMap)import)["mode"] as YamlScalar)?.Text ?? "deep_merge_append";
            Take(source, mode, import.Mark, writers);
        }
    }

    private void Take(ImportSource source, string mode, YamlMark at, ImmutableList<ImportSource> writers)
    {
        switch (settings.Imports.GetValueOrDefault(source))
        {
            case null when settings.AreImportsCollected:
                missing.Add(source);
                break;
            case null:
                findings.Warn(
                    at,
                    ProblemCode.Ignored,
                    $"'{source}' is not read here: what it says is missing",
                    "check the file in its work tree"
                );
                break;
            case ImportedFile.Refused(var why, var remedy):
                findings.Error(at, ProblemCode.BadImport, $"'{source}' cannot be imported: {why}", remedy);
                break;
            case ImportedFile.Text(var utf8) when (bytes += utf8.Length) > settings.MaxBytes:
                findings.Error(
                    at,
                    ProblemCode.OverLimit,
                    $"the imported files have more than {settings.MaxBytes:N0} bytes together"
                );
                break;
            case ImportedFile.Text(var utf8):
                if (TreeReading.Read(utf8, settings, findings, findings.Add(source.ToString())) is not { } map)
                    break;
                parts.Add((map.Where(entry => !IsImport(entry.Key)), mode));
                Visit(map, source, writers.Add(source));
                break;
        }
    }

    // In its normal form: a text, a mapping or a list of either is a list of mappings then. Everything else of the
    // file waits until it is merged.
    private ImmutableArray<YamlNode> Imports(YamlMap map)
    {
        if (!map.Entries.Any(entry => IsImport(entry.Key)))
            return [];
        var shaped = new ConfigShape(findings).Root(map.Where(entry => IsImport(entry.Key)));
        return shaped["import"] is YamlList list ? list.Items : [];
    }

    // Its slips too; the shape mends and tells them.
    private static bool IsImport(string key) => key.Trim('_', '-').ToLowerInvariant() is "import" or "imports";

    private static YamlMark ImportMark(YamlMap root) =>
        root.Entries.FirstOrDefault(entry => IsImport(entry.Key))?.Mark ?? root.Mark;
}
