using System.Text.Json.Nodes;
using TestGrid.Core.Config;

namespace TestGrid.Core.Conformance;

/// <summary>What Travis's library says of a file, beside what is said here: the same thing in other words.</summary>
internal static class MessageForm
{
    private static readonly string[] Subjects = ["original", "key", "value"];

    // What it also says and we do not: keys without effect, values under another name, strings that should be secret,
    // jobs that a condition leaves out.
    private static readonly Dictionary<string, string[]> Codes = new()
    {
        ["unknown_key"] = [ProblemCode.UnknownKey],
        ["underscore_key"] = [ProblemCode.MendedKey],
        ["find_key"] = [ProblemCode.MendedKey],
        ["duplicate_key"] = [ProblemCode.DuplicateKey],
        ["overwrite"] = [ProblemCode.Overwritten],
        ["unexpected_seq"] = [ProblemCode.UnexpectedList],
        ["unknown_value"] = [ProblemCode.UnknownValue, ProblemCode.BadValue],
        ["find_value"] = [ProblemCode.UnknownValue, ProblemCode.BadValue],
        ["clean_value"] = [ProblemCode.UnknownValue, ProblemCode.BadValue],
        ["invalid_type"] = [ProblemCode.WrongKind, ProblemCode.CommandIsMap, ProblemCode.BadValue],
        ["invalid_env_var"] = [ProblemCode.WrongKind, ProblemCode.BadValue],
        ["invalid_condition"] = [ProblemCode.BadCondition],
    };

    /// <summary>Is it one of those that are compared?</summary>
    public static bool IsCompared(JsonObject message) => Codes.ContainsKey((string?)message["code"] ?? "");

    /// <summary>Do we say it too: a problem of that kind, about that key or value?</summary>
    public static bool IsSaid(JsonObject message, IEnumerable<ConfigProblem> problems)
    {
        var codes = Codes[(string)message["code"]!];
        var place = ((string?)message["key"] ?? "").Split('.')[^1];
        string[] subjects =
        [
            .. Subjects
                .Select(name => (message["args"] as JsonObject)?[name] is JsonValue value ? value.ToString() : null)
                .OfType<string>(),
        ];
        return problems.Any(problem =>
            codes.Contains(problem.Code)
            && (
                subjects.Any(subject => problem.Message.Contains($"'{subject}'", StringComparison.Ordinal))
                || problem.Key?.Split('.')[^1] == place
                || problem.Message.Contains($"'{place}'", StringComparison.Ordinal)
            )
        );
    }
}
