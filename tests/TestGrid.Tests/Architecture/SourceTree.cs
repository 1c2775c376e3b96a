using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace TestGrid.Tests.Architecture;

/// <summary>The product's sources as text: which folder names which, by its <c>using</c> lines.</summary>
internal static partial class SourceTree
{
    public static string Home { get; } = FindHome();

    public static ImmutableArray<SourceFile> Files { get; } =
    [
        .. Directory
            .EnumerateFiles(Path.Combine(Home, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .Select(file => new SourceFile(
                Path.GetRelativePath(Path.Combine(Home, "src"), file),
                File.ReadAllText(file)
            ))
            .OrderBy(file => file.Path, StringComparer.Ordinal),
    ];

    /// <summary>The room that a namespace is: a project, or the first folder in one.</summary>
    public static string RoomOf(string name) => string.Join('.', name.Split('.').Skip(1).Take(2));

    /// <summary>Room → the rooms it names.</summary>
    public static ImmutableSortedDictionary<string, ImmutableSortedSet<string>> Imports { get; } =
        Files
            .GroupBy(file => file.Room)
            .ToImmutableSortedDictionary(
                room => room.Key,
                room =>
                    room.SelectMany(file => file.Usings)
                        .Select(RoomOf)
                        .Where(other => other != room.Key)
                        .ToImmutableSortedSet(StringComparer.Ordinal),
                StringComparer.Ordinal
            );

    [GeneratedRegex(@"^using (?:static )?(TestGrid[\w.]*);", RegexOptions.Multiline)]
    internal static partial Regex Using { get; }

    private static string FindHome()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TestGrid.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("These tests run in the work tree.");
    }
}

/// <param name="Path">Below <c>src/</c>.</param>
internal sealed record SourceFile(string Path, string Text)
{
    /// <summary><c>Core.Jobs</c>; <c>Runner</c> for a file in a project's own folder.</summary>
    public string Room
    {
        get
        {
            var parts = Path.Split('/');
            var project = parts[0]["TestGrid.".Length..];
            return parts.Length > 2 ? $"{project}.{parts[1]}" : project;
        }
    }

    public IEnumerable<string> Usings => SourceTree.Using.Matches(Text).Select(match => match.Groups[1].Value);

    public int Lines => Text.AsSpan().Count('\n');
}
