using System.Text.RegularExpressions;

namespace TestGrid.Runner.Reporting;

/// <summary>A log's marks are for programs: a terminal shows the log without them.</summary>
public static partial class LogText
{
    /// <summary>Takes out Travis's fold and time marks; colours stay.</summary>
    public static string ForTerminal(string log) => Marks.Replace(log, "");

    // «travis_fold:start:apt\r\e[0K», «travis_time:end:…\r\e[0K», as Travis's own programs write them.
    [GeneratedRegex(@"travis_(fold|time):[^\r\n]*\r(\e\[0K)?")]
    private static partial Regex Marks { get; }
}
