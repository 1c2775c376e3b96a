using System.Text;
using TestGrid.Core.Text;

namespace TestGrid.Core.Config.Languages;

/// <summary>The few forms that a language's own bash takes, so that a family's file reads as a table.</summary>
internal static class DefaultBash
{
    /// <summary>A command of <c>script</c>: told and timed; its status is the caller's to count.</summary>
    public static string Run(string command) => $"travis_cmd {Bash.Quote(command)} --echo --timing";

    /// <summary>A command that ends the job as errored when it fails.</summary>
    public static string Must(string command) => $"travis_cmd {Bash.Quote(command)} --assert --echo --timing";

    /// <summary>A command that fetches something: tried three times, in a fold, and the job ends when it fails.</summary>
    public static string Fetch(string command, string fold = "install") =>
        Folded(fold, $"travis_cmd {Bash.Quote(command)} --assert --echo --retry --timing");

    public static string Folded(string fold, params string[] lines) =>
        $"travis_fold start {fold}\n{Lines(lines)}\ntravis_fold end {fold}";

    /// <summary>Sets a variable, without telling.</summary>
    public static string Export(string name, string? value) => $"export {name}={Bash.Quote(value ?? "")}";

    public static string Echo(string sentence) => $"printf '%s\\n' {Bash.Quote(sentence)}";

    public static string Lines(params IEnumerable<string> lines) =>
        string.Join('\n', lines.Where(line => line.Length > 0));

    /// <summary>The first branch whose <c>[[ … ]]</c> holds; the one with an empty test is for all else.</summary>
    public static string Choose(params (string Test, string Body)[] branches)
    {
        var text = new StringBuilder();
        foreach (var (test, body) in branches)
        {
            text.Append(
                test.Length == 0 ? "else\n"
                : text.Length == 0 ? $"if [[ {test} ]]; then\n"
                : $"elif [[ {test} ]]; then\n"
            );
            foreach (var line in body.Split('\n'))
                text.Append("  ").Append(line).Append('\n');
        }

        return text.Append("fi").ToString();
    }

    /// <summary>Words of the configuration that go into a command as they are, as on Travis; empty without.</summary>
    public static string Args(string? written) => string.IsNullOrWhiteSpace(written) ? "" : " " + written.Trim();
}
