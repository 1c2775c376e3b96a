using System.Collections.Immutable;

namespace TestGrid.Core.Config.Conditions;

/// <summary>
/// Evaluates conditions: the words true and false are truths, all else is text, and nothing is no text.
/// </summary>
internal static class ConditionTruth
{
    public static bool Of(Condition condition, ConditionFacts facts) => Truth(Value(condition, facts));

    // Null, a bool or a string, as the language Travis evaluates in has them.
    private static object? Value(Condition condition, ConditionFacts facts) =>
        condition switch
        {
            Condition.Or(var left, var right) => Truth(Value(left, facts)) || Truth(Value(right, facts)),
            Condition.And(var left, var right) => Truth(Value(left, facts)) && Truth(Value(right, facts)),
            Condition.Not(var of) => !Truth(Value(of, facts)),
            Condition.Equal(var left, var right, var negated) => Equals(Value(left, facts), Value(right, facts))
                != negated,
            Condition.Matching(var left, var pattern, var negated) => Matches(
                Value(left, facts),
                Text(Value(pattern, facts))
            ) != negated,
            Condition.In(var left, var list, var negated) => list.Any(item =>
                Equals(Value(left, facts), Value(item, facts))
            ) != negated,
            Condition.Is(var left, var predicate, var negated) => Holds(Value(left, facts), predicate) != negated,
            Condition.Literal(var text) => Cast(text),
            Condition.Named(var name) => Cast(facts.Attribute(name)),
            Condition.Call(var function, var arguments) => Result(
                function,
                [.. arguments.Select(argument => Value(argument, facts))],
                facts
            ),
            Condition.Pattern(Condition.Literal(var text)) => text,
            Condition.Pattern(var source) => Value(source, facts),
            _ => null,
        };

    private static object? Result(string function, ImmutableArray<object?> arguments, ConditionFacts facts) =>
        function.Equals("env", StringComparison.OrdinalIgnoreCase)
            ? arguments is [{ } name, ..]
                ? Cast(facts.Env(Text(name) ?? ""))
                : null
            : Cast(string.Concat(arguments.Select(Text)));

    private static bool Holds(object? value, string predicate) =>
        predicate switch
        {
            "present" => !IsBlank(value),
            "blank" => IsBlank(value),
            "true" => Truth(value),
            _ => !Truth(value),
        };

    private static bool IsBlank(object? value) =>
        value is null or false || (value is string text && text.Trim().Length == 0);

    private static bool Truth(object? value) => value is not (null or false);

    private static object? Cast(string? text) =>
        text?.ToLowerInvariant() switch
        {
            "true" => true,
            "false" => false,
            _ => text,
        };

    private static string? Text(object? value) =>
        value switch
        {
            null => null,
            bool truth => truth ? "true" : "false",
            _ => (string)value,
        };

    private static bool Matches(object? value, string? pattern) =>
        Text(value) is { } text && pattern is not null && RubyRegex.IsMatch(text, pattern);
}
