using TestGrid.Core.Config;

namespace TestGrid.Cli.Output;

/// <summary>A configuration's problems for people: each with its line, a caret under the place, and what to write.</summary>
internal static class ProblemLines
{
    private const int Widest = 100;

    /// <param name="problems">The problems.</param>
    /// <param name="line">Gives the line of the file that a problem is about, or null.</param>
    /// <param name="writer">Where to.</param>
    public static void Write(IEnumerable<ConfigProblem> problems, Func<ConfigProblem, string?> line, TextWriter writer)
    {
        foreach (var problem in problems)
        {
            writer.WriteLine(Printed.Plain((problem with { Remedy = null }).ToString()));
            if (line(problem) is { } text)
                Snippet(problem, text, writer);
            if (problem.Remedy is { } remedy)
                writer.WriteLine($"  = {Printed.Plain(remedy)}");
        }
    }

    private static void Snippet(ConfigProblem problem, string text, TextWriter writer)
    {
        var column = Math.Clamp(problem.Column, 1, text.Length + 1) - 1;
        // A line of a thousand characters shows what is around the place.
        var from = column < Widest - 20 ? 0 : column - 40;
        var shown = text[from..Math.Min(text.Length, from + Widest)];
        var number = $"{problem.Line}";
        writer.WriteLine($"  {number} | {Printed.Plain(shown)}");
        if (problem.Column > 0)
        {
            var carets = new string('^', Math.Max(1, Word(text, column)));
            writer.WriteLine($"  {new string(' ', number.Length)} | {new string(' ', column - from)}{carets}");
        }
    }

    // The word at the place: what a key or a value looks like.
    private static int Word(string text, int column)
    {
        var end = column;
        while (end < text.Length && end - column < 40 && !char.IsWhiteSpace(text[end]) && text[end] is not (':' or ','))
            end++;
        return end - column;
    }
}
