using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace TestGrid.Tests.Architecture;

/// <summary>Holds the code to <c>docs/ARCHITECTURE.md</c>: the map is the law, and a change of it is a change of the map.</summary>
public sealed partial class ArchitectureTests
{
    private const int LongestFile = 300;
    private const int LongestLine = 120;
    private const int MostParameters = 6;

    // Raised on purpose, each with its reason: docs/ARCHITECTURE.md, «Budgets».
    private static readonly Dictionary<string, int> LongerFiles = new(StringComparer.Ordinal);

    [Fact]
    public void Every_folder_imports_only_what_the_map_allows()
    {
        var map = Map();

        Assert.Equal(SourceTree.Imports.Keys.Order(StringComparer.Ordinal), map.Keys.Order(StringComparer.Ordinal));
        foreach (var (room, imports) in SourceTree.Imports)
        {
            var strangers = imports.Except(map[room]).ToArray();
            Assert.True(strangers.Length == 0, $"{room} names {string.Join(", ", strangers)}: not on the map");
        }
    }

    [Fact]
    public void The_map_allows_nothing_that_nobody_uses()
    {
        foreach (var (room, allowed) in Map())
        {
            var unused = allowed.Except(SourceTree.Imports[room]).ToArray();
            Assert.True(unused.Length == 0, $"{room} does not name {string.Join(", ", unused)}: take it off the map");
        }
    }

    [Fact]
    public void The_folders_stand_in_no_circle()
    {
        // Leaves first: whoever names only rooms that are placed already can be placed.
        var waiting = SourceTree.Imports.ToDictionary(room => room.Key, room => room.Value.ToHashSet());
        while (waiting.Count > 0)
        {
            var free = waiting.Where(room => !room.Value.Overlaps(waiting.Keys)).Select(room => room.Key).ToArray();
            Assert.True(free.Length > 0, $"these stand in a circle: {string.Join(", ", waiting.Keys.Order())}");
            foreach (var room in free)
                waiting.Remove(room);
        }
    }

    [Fact]
    public void The_projects_stand_in_a_line_and_bring_only_their_own_packages()
    {
        Assert.Equal([], References("TestGrid.Core"));
        Assert.Equal(["TestGrid.Core"], References("TestGrid.Runner"));
        Assert.Equal(["TestGrid.Runner"], References("TestGrid.Server"));
        Assert.Equal(["TestGrid.Server"], References("TestGrid.Cli"));
        Assert.Equal(["YamlDotNet"], Packages("TestGrid.Core"));
        Assert.DoesNotContain(
            Packages("TestGrid.Runner"),
            package => package.Contains("Sqlite") || package == "Dapper"
        );
    }

    [Fact]
    public void Core_does_no_input_or_output()
    {
        var forbidden = IoNames();
        foreach (
            var file in SourceTree.Files.Where(file => file.Path.StartsWith("TestGrid.Core/", StringComparison.Ordinal))
        )
            Assert.False(forbidden.IsMatch(file.Text), $"{file.Path}: {forbidden.Match(file.Text).Value}");
    }

    [Fact]
    public void Sql_stands_only_where_the_store_is()
    {
        foreach (var file in SourceTree.Files.Where(file => Sql().IsMatch(file.Text)))
            Assert.StartsWith("TestGrid.Server/Store/", file.Path, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_file_of_the_walk_exists()
    {
        var files = WalkedFile()
            .Matches(File.ReadAllText(Path.Combine(SourceTree.Home, "docs", "WALK.md")))
            .Select(match => match.Groups[1].Value)
            .ToArray();

        Assert.True(files.Length >= 15, "docs/WALK.md names the files of the walk");
        foreach (var file in files)
            Assert.True(
                File.Exists(Path.Combine(SourceTree.Home, file)),
                $"docs/WALK.md names {file}: it is not there"
            );
    }

    [Fact]
    public void Files_and_lines_keep_to_their_budgets()
    {
        foreach (var file in SourceTree.Files)
        {
            var most = LongerFiles.GetValueOrDefault(file.Path, LongestFile);
            Assert.True(file.Lines <= most, $"{file.Path} has {file.Lines} lines, over {most}: it is two files");
            var longest = file.Text.Split('\n').Max(line => line.Length);
            // A formatter cannot break a text or an address in a comment.
            Assert.True(longest <= LongestLine + 30, $"{file.Path} has a line of {longest} characters");
        }
    }

    [Fact]
    public void Constructors_ask_for_six_things_at_most()
    {
        foreach (var file in SourceTree.Files)
        {
            foreach (Match match in PrimaryConstructor().Matches(file.Text))
            {
                var parameters = match.Groups[2].Value.Split(',').Length;
                Assert.True(
                    parameters <= MostParameters,
                    $"{match.Groups[1].Value} in {file.Path} asks for {parameters}"
                );
            }
        }
    }

    private static Dictionary<string, HashSet<string>> Map() =>
        MapRow()
            .Matches(File.ReadAllText(Path.Combine(SourceTree.Home, "docs", "ARCHITECTURE.md")))
            .ToDictionary(
                row => row.Groups[1].Value,
                row => row.Groups[2].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet()
            );

    private static string[] References(string project) =>
        [.. Items(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path))];

    private static string[] Packages(string project) => [.. Items(project, "PackageReference")];

    private static IEnumerable<string> Items(string project, string kind) =>
        XDocument
            .Load(Path.Combine(SourceTree.Home, "src", project, project + ".csproj"))
            .Descendants(kind)
            .Select(item => item.Attribute("Include")!.Value);

    [GeneratedRegex(@"^\| `([\w.]+)` \| ([\w. ]*) \|", RegexOptions.Multiline)]
    private static partial Regex MapRow();

    [GeneratedRegex(@"`((?:src|web)/[^`]+\.(?:cs|tsx?))`")]
    private static partial Regex WalkedFile();

    [GeneratedRegex(
        @"\b(File|Directory|FileStream|Process|Socket|HttpClient|Environment)\.\w+\(|\bnew (FileStream|Process|HttpClient)\("
    )]
    private static partial Regex IoNames();

    [GeneratedRegex(@"\b(SELECT \w+|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE)\b")]
    private static partial Regex Sql();

    [GeneratedRegex(@"sealed (?:partial )?class (\w+)\(([^)]*)\)")]
    private static partial Regex PrimaryConstructor();
}
