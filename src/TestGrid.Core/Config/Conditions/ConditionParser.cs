using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace TestGrid.Core.Config.Conditions;

/// <summary>What parsing a condition gave.</summary>
/// <param name="Condition">The condition, or null when it is none.</param>
/// <param name="Error">What is wrong, and at which character from 1; null when nothing is.</param>
/// <param name="Warning">It reads as something else than it looks like.</param>
public sealed record ConditionReading(Condition? Condition, string? Error = null, string? Warning = null);

/// <summary>
/// Travis's conditions, version 1: <c>type = push AND (branch = main OR tag =~ /^v\d/) AND env(X) IS present</c>.
/// Keywords are taken
/// in any case and need no space after them, as there.
/// </summary>
public sealed partial class ConditionParser
{
    // A condition of a thousand brackets is nobody's: the recursion ends there.
    private const int Deepest = 100;

    private readonly string text;
    private int at;
    private int depth;
    private string? warning;

    private ConditionParser(string text) => this.text = text;

    public static ConditionReading Parse(string text)
    {
        var parser = new ConditionParser(Continued.Replace(text, " "));
        try
        {
            var condition = parser.Expression();
            parser.Space();
            if (parser.at < parser.text.Length)
                parser.Fail("this is one thing too many");
            return new ConditionReading(condition, Warning: parser.warning);
        }
        catch (ParseException bad)
        {
            return new ConditionReading(null, bad.Message);
        }
    }

    private Condition Expression()
    {
        var left = Conjunction();
        while (Take(OrWord))
            left = new Condition.Or(left, Conjunction());
        return left;
    }

    private Condition Conjunction()
    {
        var left = Operation();
        while (Take(AndWord))
            left = new Condition.And(left, Operation());
        return left;
    }

    private Condition Operation()
    {
        if (++depth > Deepest)
            Fail("it is nested too deeply");
        Condition result;
        if (Take(Open))
        {
            result = Expression();
            Need(Close, "a ) is missing");
        }
        else if (Take(NotWord))
        {
            result = new Condition.Not(Operation());
        }
        else
        {
            result = Term();
        }

        depth--;
        return result;
    }

    private Condition Term()
    {
        var left = Operand(isLeft: true);
        if (Take(NotIn))
            return new Condition.In(left, List(), true);
        if (Take(InWord))
            return new Condition.In(left, List(), false);
        if (Take(IsNot))
            return new Condition.Is(left, Predicate(), true);
        if (Take(IsWord))
            return new Condition.Is(left, Predicate(), false);
        if (Take(MatchWord))
            return new Condition.Matching(left, Pattern(), false);
        if (Take(NotMatch))
            return new Condition.Matching(left, Pattern(), true);
        if (Take(NotEqual))
            return new Condition.Equal(left, Operand(), true);
        return Take(EqualWord) ? new Condition.Equal(left, Operand(), false) : left;
    }

    private string Predicate() =>
        Read(Predicates)?.ToLowerInvariant() ?? Fail<string>("IS takes present, blank, true or false");

    private Condition.Pattern Pattern()
    {
        if (Function() is { } call)
            return new Condition.Pattern(call);
        var source = Read(Slashed) is { } slashed
            ? slashed[1..^1]
            : BareSource(Read(Bare) ?? Fail<string>("a regular expression is missing"));
        return new Condition.Pattern(new Condition.Literal(source));
    }

    // As Travis: people write `=~ ^release/` and mean no slash by it.
    private static string BareSource(string source) => source.EndsWith('/') ? source[..^1] : source;

    private ImmutableArray<Condition> List()
    {
        Need(Open, "IN takes a list in brackets");
        var list = Items();
        return list.IsEmpty ? Fail<ImmutableArray<Condition>>("the list is empty") : list;
    }

    private ImmutableArray<Condition> Items()
    {
        var items = ImmutableArray.CreateBuilder<Condition>();
        while (!Take(Close))
        {
            if (++depth > Deepest)
                Fail("it is nested too deeply");
            items.Add(Operand());
            depth--;
            if (!Take(Comma))
            {
                Need(Close, "a , or ) is missing");
                break;
            }
        }

        return items.ToImmutable();
    }

    private Condition Operand(bool isLeft = false)
    {
        if (Read(AttributeName) is { } name)
            return new Condition.Named(name);
        if (Function() is { } call)
            return call;
        if (Read(Quoted) is { } quoted)
            return new Condition.Literal(quoted[1..^1]);
        var word = Read(Word);
        if (word is null or ['$', ..])
            return Fail<Condition>(
                word is null ? "a value is missing" : "a $variable is not known here: write env(NAME)"
            );

        // Travis takes attributes in lower case only, and is silent: `Branch = main` is never true there. What was
        // meant counts.
        var lower = word.ToLowerInvariant();
        if (!isLeft || !ConditionFacts.Attributes.Contains(lower))
            return new Condition.Literal(word);
        warning = $"'{word}' is read as {lower}; for Travis it is a mere text";
        return new Condition.Named(lower);
    }

    private Condition.Call? Function()
    {
        if (Read(FunctionName) is not { } name)
        {
            // Travis takes the name of a function off the front of any word: `env(env_name)` asks for `_name` there.
            if (Read(FunctionWord) is { } taken)
                warning = $"Travis takes the '{taken}' off a word that begins with it: write the word in quotes";
            return null;
        }

        return new Condition.Call(name[..^1].TrimEnd(), Items());
    }

    private void Space()
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]))
            at++;
    }

    private string? Read(Regex form)
    {
        Space();
        var match = form.Match(text, at);
        if (!match.Success || match.Length == 0)
            return null;
        at += match.Length;
        return match.Value;
    }

    private bool Take(Regex form) => Read(form) is not null;

    private void Need(Regex form, string otherwise)
    {
        if (!Take(form))
            Fail(otherwise);
    }

    private void Fail(string why) => Fail<int>(why);

    private T Fail<T>(string why)
    {
        var where = at >= text.Length ? "at its end" : $"at character {at + 1}";
        throw new ParseException($"{why}, {where}");
    }

    private sealed class ParseException(string message) : Exception(message);

    [GeneratedRegex(@"\\\s*\n")]
    private static partial Regex Continued { get; }

    [GeneratedRegex(@"\G(?:or|\|\|)", RegexOptions.IgnoreCase)]
    private static partial Regex OrWord { get; }

    [GeneratedRegex(@"\G(?:and|&&)", RegexOptions.IgnoreCase)]
    private static partial Regex AndWord { get; }

    [GeneratedRegex(@"\G(?:not|!)", RegexOptions.IgnoreCase)]
    private static partial Regex NotWord { get; }

    [GeneratedRegex(@"\Gnot\s+in\b", RegexOptions.IgnoreCase)]
    private static partial Regex NotIn { get; }

    [GeneratedRegex(@"\Gin\b", RegexOptions.IgnoreCase)]
    private static partial Regex InWord { get; }

    [GeneratedRegex(@"\Gis\s+not\b", RegexOptions.IgnoreCase)]
    private static partial Regex IsNot { get; }

    [GeneratedRegex(@"\Gis\b", RegexOptions.IgnoreCase)]
    private static partial Regex IsWord { get; }

    [GeneratedRegex(@"\G(?:present|blank|true|false)", RegexOptions.IgnoreCase)]
    private static partial Regex Predicates { get; }

    [GeneratedRegex(@"\G(?:=~|~=)")]
    private static partial Regex MatchWord { get; }

    [GeneratedRegex(@"\G!~")]
    private static partial Regex NotMatch { get; }

    [GeneratedRegex(@"\G!=")]
    private static partial Regex NotEqual { get; }

    [GeneratedRegex(@"\G==?")]
    private static partial Regex EqualWord { get; }

    [GeneratedRegex(@"\G\(")]
    private static partial Regex Open { get; }

    [GeneratedRegex(@"\G\)")]
    private static partial Regex Close { get; }

    [GeneratedRegex(@"\G,")]
    private static partial Regex Comma { get; }

    [GeneratedRegex(@"\G/(?:\\/|[^/])*/")]
    private static partial Regex Slashed { get; }

    [GeneratedRegex(@"\G\S*[^\s)]+")]
    private static partial Regex Bare { get; }

    [GeneratedRegex("""\G(?:"[^"]*"|'[^']*')""")]
    private static partial Regex Quoted { get; }

    [GeneratedRegex("""\G[^\s()"',=!]+""")]
    private static partial Regex Word { get; }

    [GeneratedRegex(@"\G(?:env|concat)(?=[^\s()""',=!])", RegexOptions.IgnoreCase)]
    private static partial Regex FunctionWord { get; }

    [GeneratedRegex(@"\G(?:env|concat)\s*\(", RegexOptions.IgnoreCase)]
    private static partial Regex FunctionName { get; }

    [GeneratedRegex(
        @"\G(?:type|repo|head_repo|os|dist|group|sudo|language|sender|fork|draft|branch|head_branch|tag|commit_message)"
            + @"(?=[\s,=)~!]|$)"
    )]
    private static partial Regex AttributeName { get; }
}
