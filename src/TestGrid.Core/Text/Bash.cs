using System.Buffers;

namespace TestGrid.Core.Text;

/// <summary>Writes text as bash reads it.</summary>
public static class Bash
{
    private static readonly SearchValues<char> Plain = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%^"
    );

    /// <summary>
    /// One word that is exactly this text, whatever stands in it. A NUL cannot be in any bash word: it goes.
    /// </summary>
    public static string Quote(string text) =>
        "'" + text.Replace("\0", "", StringComparison.Ordinal).Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    /// <summary>The same, without quotes where none are needed: for lines that people read.</summary>
    public static string Word(string text) =>
        text.Length > 0 && !text.AsSpan().ContainsAnyExcept(Plain) ? text : Quote(text);
}
