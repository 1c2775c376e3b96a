using System.Text.Json.Nodes;
using TestGrid.Core.Config.Conditions;

namespace TestGrid.Core.Conformance;

/// <summary>A condition as Travis's parser writes its trees.</summary>
internal static class ConditionForm
{
    public static JsonArray Of(Condition condition) =>
        condition switch
        {
            Condition.Or(var left, var right) => ["or", Of(left), Of(right)],
            Condition.And(var left, var right) => ["and", Of(left), Of(right)],
            Condition.Not(var of) => ["not", Of(of)],
            Condition.Equal(var left, var right, var not) => [not ? "not_eq" : "eq", Of(left), Of(right)],
            Condition.Matching(var left, var pattern, var not) => [not ? "not_match" : "match", Of(left), Of(pattern)],
            Condition.In(var left, var list, var not) =>
            [
                not ? "not_in" : "in",
                Of(left),
                new JsonArray([.. list.Select(Of)]),
            ],
            Condition.Is(var left, var predicate, var not) => [not ? "is_not" : "is", Of(left), predicate],
            Condition.Literal(var text) => ["val", text],
            Condition.Named(var name) => ["var", name],
            Condition.Call(var function, var arguments) => ["call", function, new JsonArray([.. arguments.Select(Of)])],
            Condition.Pattern(Condition.Literal(var text)) => ["reg", text],
            Condition.Pattern(var source) => ["reg", Of(source)],
            _ => throw new InvalidOperationException($"{condition.GetType().Name} has no form"),
        };
}
