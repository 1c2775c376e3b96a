using System.Text.RegularExpressions;

namespace TestGrid.Core.Builds;

/// <summary>A commit's message may ask not to be built: <c>[skip ci]</c>, <c>[ci skip]</c>, <c>[skip travis]</c>, …</summary>
public static partial class SkipCommand
{
    /// <summary>The command as it is written, or null when there is none.</summary>
    public static string? Find(string message) =>
        Form.Match(message) is { Success: true, Value: var command } ? command : null;

    [GeneratedRegex(
        @"\[(?:skip[ \t]+(?:ci|travis|travis[ -]?ci)|(?:ci|travis|travis[ -]?ci)(?:[ \t]+|:)skip)\]",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex Form { get; }
}
