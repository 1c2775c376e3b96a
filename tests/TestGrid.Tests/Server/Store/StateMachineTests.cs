using System.Text.RegularExpressions;
using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Tests.Server.Store;

/// <summary>The drawing, the moves and the schema say the same.</summary>
public sealed partial class StateMachineTests
{
    private static string Drawing { get; } = File.ReadAllText(Path.Combine(Root(), "docs", "state-machine.md"));

    [Fact]
    public void The_drawing_has_each_move_of_a_job_and_no_other() =>
        Assert.Equal(
            JobMove.All.Select(move => (move.Name, Words(move.From.Select(state => state.Word)), move.To.Word)),
            Rows("## A job", "### Leases")
        );

    [Fact]
    public void The_drawing_has_each_move_of_a_build_and_no_other() =>
        Assert.Equal(
            BuildMove.All.Select(move => (move.Name, Words(move.From.Select(state => state.Word)), move.To.Word)),
            Rows("## A build", "What jobs say")
        );

    [Fact]
    public void The_schema_knows_each_state_and_no_other()
    {
        using var stream = typeof(SqliteDatabase).Assembly.GetManifestResourceStream(
            typeof(SqliteDatabase)
                .Assembly.GetManifestResourceNames()
                .Single(name => name.EndsWith("0001-first.sql", StringComparison.Ordinal))
        )!;
        var schema = new StreamReader(stream).ReadToEnd();

        Assert.Equal(Words(Enum.GetValues<JobState>().Select(state => state.Word)), Checked(schema, "jobs"));
        Assert.Equal(Words(Enum.GetValues<BuildState>().Select(state => state.Word)), Checked(schema, "builds"));
    }

    private static IEnumerable<(string, string, string)> Rows(string from, string to)
    {
        var start = Drawing.IndexOf(from, StringComparison.Ordinal);
        var part = Drawing[start..Drawing.IndexOf(to, start, StringComparison.Ordinal)];
        return Row.Matches(part)
            .Where(row => row.Groups[1].Value is not "move")
            .Select(row => (row.Groups[1].Value, Words(row.Groups[2].Value.Split(", ")), row.Groups[3].Value));
    }

    private static string Checked(string schema, string table)
    {
        var start = schema.IndexOf($"CREATE TABLE {table} (", StringComparison.Ordinal);
        var check = Check.Match(schema, start).Groups[1].Value;
        return Words(check.Split(", ").Select(word => word.Trim('\'')));
    }

    private static string Words(IEnumerable<string> words) => string.Join(", ", words.Order(StringComparer.Ordinal));

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "TestGrid.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("not inside the repository");
        return folder;
    }

    [GeneratedRegex(@"^\| (\w+) \| ([\w, ]+) \| (\w+) \|", RegexOptions.Multiline)]
    private static partial Regex Row { get; }

    [GeneratedRegex(@"CHECK \(state IN \(([^)]*)\)\)")]
    private static partial Regex Check { get; }
}
