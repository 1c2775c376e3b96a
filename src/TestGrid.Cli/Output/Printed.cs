using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Core.Jobs;

namespace TestGrid.Cli.Output;

/// <summary>How results look on standard output: a table for people, one JSON object a line for programs.</summary>
internal static class Printed
{
    private const int ShortCell = 24;
    private const int NoWidth = 1 << 14;

    public static Option<bool> JsonOption() => new("--json") { Description = "one JSON object a line" };

    public static int Lines<T>(IEnumerable<T> records)
    {
        foreach (var record in records)
            Console.WriteLine(Json(record));
        return ExitCodes.Ok;
    }

    public static string Json<T>(T record) => JsonSerializer.Serialize(record, ApiClient.Json);

    public static void Table(string[] columns, IEnumerable<string[]> rows)
    {
        string[][] plain = [.. rows.Select(row => row.Select(Plain).ToArray())];
        var table = new Table().Border(TableBorder.None);
        for (var i = 0; i < columns.Length; i++)
        {
            // Where it is narrow the long texts give way: a state is never broken into letters.
            var isShort = plain.All(row => row[i].Length <= ShortCell);
            table.AddColumn(new TableColumn(new Markup($"[grey]{columns[i]}[/]")) { NoWrap = isShort });
        }
        foreach (var row in plain)
            table.AddRow(row.Select(cell => new Text(cell)).ToArray<Spectre.Console.Rendering.IRenderable>());
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = NoWidth; // no terminal to fit: nothing is cut
        AnsiConsole.Write(table);
    }

    public static string Word(JobState state) => state.Word;

    public static string State(JobState state) => $"{Sign(state.Word)} {state.Word}";

    public static string State<T>(T state)
        where T : Enum
    {
        var word = state.ToString().ToLowerInvariant();
        return $"{Sign(word)} {word}";
    }

    /// <summary>Untrusted text must not move the cursor or change the colours of whoever reads it.</summary>
    public static string Plain(string text) => new([.. text.Select(c => char.IsControl(c) ? ' ' : c)]);

    /// <summary>Asks without showing what is typed.</summary>
    public static string AskSecret(string question) =>
        AnsiConsole.Prompt(new TextPrompt<string>(question.EscapeMarkup()).Secret(null));

    // A shape beside the word: never a colour alone.
    private static string Sign(string state) =>
        state switch
        {
            "passed" => "✔",
            "failed" => "✘",
            "errored" => "!",
            "cancelled" => "⊘",
            "running" => "▶",
            "connected" => "●",
            "away" => "!",
            "stopped" => "○",
            _ => "…",
        };
}
