using System.Collections.Immutable;

namespace TestGrid.Core.Config.Conditions;

/// <summary>A parsed condition (<c>if:</c>), a closed set of forms. Nothing in it is ever run by a shell.</summary>
public abstract record Condition
{
    public sealed record Or(Condition Left, Condition Right) : Condition;

    public sealed record And(Condition Left, Condition Right) : Condition;

    public sealed record Not(Condition Operand) : Condition;

    public sealed record Equal(Condition Left, Condition Right, bool Negated) : Condition;

    public sealed record Matching(Condition Left, Condition Source, bool Negated) : Condition;

    public sealed record In(Condition Left, ImmutableArray<Condition> List, bool Negated) : Condition;

    /// <param name="Left">What is asked about.</param>
    /// <param name="Predicate"><c>present</c>, <c>blank</c>, <c>true</c> or <c>false</c>.</param>
    /// <param name="Negated"><c>IS NOT</c>.</param>
    public sealed record Is(Condition Left, string Predicate, bool Negated) : Condition;

    public sealed record Literal(string Text) : Condition;

    public sealed record Named(string Name) : Condition;

    /// <param name="Function"><c>env</c> or <c>concat</c>, in any case.</param>
    /// <param name="Arguments">Any forms of value.</param>
    public sealed record Call(string Function, ImmutableArray<Condition> Arguments) : Condition;

    public sealed record Pattern(Condition Source) : Condition;

    /// <summary>Is it so, for these facts?</summary>
    public bool IsTrue(ConditionFacts facts) => ConditionTruth.Of(this, facts);
}

/// <summary>What conditions can ask about.</summary>
/// <param name="Attribute">The value of an attribute (<c>branch</c>), or null.</param>
/// <param name="Env">The value of a variable as written, without its quotes, or null.</param>
public sealed record ConditionFacts(Func<string, string?> Attribute, Func<string, string?> Env)
{
    /// <summary>The names of all attributes.</summary>
    public static ImmutableArray<string> Attributes { get; } =
    [
        "type",
        "repo",
        "head_repo",
        "os",
        "dist",
        "group",
        "sudo",
        "language",
        "sender",
        "fork",
        "draft",
        "branch",
        "head_branch",
        "tag",
        "commit_message",
    ];
}
