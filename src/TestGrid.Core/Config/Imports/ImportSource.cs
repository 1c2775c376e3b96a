using System.Text.RegularExpressions;

namespace TestGrid.Core.Config.Imports;

/// <summary>A file that a configuration imports: <c>path.yml</c>, <c>owner/name:path.yml@ref</c>.</summary>
/// <param name="Slug">The repository it is in; null for the one that is built.</param>
/// <param name="Path">Its path from the repository's root, without <c>.</c> and <c>..</c>.</param>
/// <param name="Ref">
/// A branch, a tag or a commit. Null for the commit that is built, or another repository's default branch.
/// </param>
public sealed partial record ImportSource(string? Slug, string Path, string? Ref)
{
    public override string ToString() => (Slug is null ? "" : Slug + ":") + Path + (Ref is null ? "" : "@" + Ref);

    /// <summary>What is written in a file, or null when it names no file.</summary>
    /// <param name="text">The text.</param>
    /// <param name="writer">The file it is written in; null for the first one.</param>
    /// <param name="own">The slug of the repository that is built.</param>
    internal static ImportSource? Read(string text, ImportSource? writer, string own)
    {
        var match = Form.Match(text);
        if (!match.Success)
            return null;
        var (slug, path, revision) = (Text(match, "slug"), match.Groups["path"].Value, Text(match, "ref"));
        // What stands in an imported file is meant in that file's repository, at the commit it was read at.
        var isThere = slug is null || string.Equals(slug, writer?.Slug ?? own, StringComparison.OrdinalIgnoreCase);
        if (isThere)
        {
            slug = writer?.Slug;
            revision ??= writer?.Ref;
        }

        // A path is the repository's, but one that begins with ./ is beside the file that says it.
        var folder =
            path.StartsWith("./", StringComparison.Ordinal) && isThere && writer is not null
                ? writer.Path.Split('/')[..^1]
                : [];
        return Resolved([.. folder, .. path.Split('/')]) is { } resolved
            ? new ImportSource(slug, resolved, revision)
            : null;
    }

    private static string? Resolved(string[] parts)
    {
        var path = new List<string>();
        foreach (var part in parts)
        {
            switch (part)
            {
                case "" or ".git":
                    return null;
                case ".":
                    break;
                case "..":
                    if (path.Count == 0)
                        return null;
                    path.RemoveAt(path.Count - 1);
                    break;
                default:
                    path.Add(part);
                    break;
            }
        }

        return path.Count == 0 ? null : string.Join('/', path);
    }

    private static string? Text(Match match, string group) =>
        match.Groups[group] is { Success: true, Value: var value } ? value : null;

    [GeneratedRegex(
        @"^(?:(?<slug>[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}):)?(?<path>[^\x00-\x1f\x7f\\:@]{1,500}\.ya?ml)"
            + @"(?:@(?<ref>(?!-)[^\x00-\x20\x7f@~^:?*\[\\]{1,250}))?$"
    )]
    private static partial Regex Form { get; }
}

/// <summary>What asking for an imported file gave.</summary>
public abstract record ImportedFile
{
    public sealed record Text(ReadOnlyMemory<byte> Utf8) : ImportedFile;

    /// <summary>It cannot be had.</summary>
    /// <param name="Why">Why not: <c>there is no such file</c>.</param>
    /// <param name="Remedy">What to do about it, if that is known.</param>
    public sealed record Refused(string Why, string? Remedy = null) : ImportedFile;
}
