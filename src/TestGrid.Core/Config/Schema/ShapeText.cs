using System.Collections.Frozen;

namespace TestGrid.Core.Config.Schema;

/// <summary>
/// Reads the tables' short form: <c>key|other-name:kind</c>, parted by spaces. Kinds are <c>text</c> (left out mostly),
/// <c>texts</c>, <c>bool</c>, <c>num</c>, <c>secret</c>, <c>secrets</c>, <c>map</c>, or one that the caller gives.
/// </summary>
internal static class ShapeText
{
    public static readonly Shape Text = new TextShape();
    public static readonly Shape Truth = new TruthShape();
    public static readonly Shape Number = new NumberShape();
    public static readonly Shape Secret = new SecretShape();
    public static readonly Shape Texts = ListOf(new TextShape());
    public static readonly Shape Secrets = ListOf(new SecretShape());
    public static readonly Shape Open = new MapShape { Keys = FrozenDictionary<string, Shape>.Empty, IsStrict = false };

    private static readonly FrozenDictionary<string, Shape> Kinds = new Dictionary<string, Shape>
    {
        ["text"] = Text,
        ["texts"] = Texts,
        ["bool"] = Truth,
        ["num"] = Number,
        ["secret"] = Secret,
        ["secrets"] = Secrets,
        ["map"] = Open,
        ["textormap"] = TextOrMapOf(Text),
        ["secretormap"] = TextOrMapOf(Secret),
    }.ToFrozenDictionary();

    /// <summary>One thing or a list of it, brought to a list.</summary>
    public static AnyShape ListOf(Shape item) => new([new ListShape(item) { IsNormal = true }, item]);

    /// <summary>The keys of a short form with their shapes.</summary>
    public static Dictionary<string, Shape> Keys(string text, params (string Kind, Shape Shape)[] own) =>
        Parts(text).ToDictionary(part => part.Names[0], part => Kind(part.Kind, own));

    /// <summary>The other names in a short form.</summary>
    public static FrozenDictionary<string, string> Aliases(string text) =>
        Parts(text)
            .SelectMany(part => part.Names.Skip(1).Select(name => (name, part.Names[0])))
            .DistinctBy(pair => pair.name)
            .ToFrozenDictionary(pair => pair.name, pair => pair.Item2);

    /// <summary>A mapping in a short form.</summary>
    public static MapShape Map(string text, params (string Kind, Shape Shape)[] own) =>
        new() { Keys = Keys(text, own).ToFrozenDictionary(), Aliases = Aliases(text) };

    private static Shape Kind(string kind, (string Kind, Shape Shape)[] own) =>
        own.FirstOrDefault(pair => pair.Kind == kind).Shape ?? Kinds[kind];

    private static AnyShape TextOrMapOf(Shape value) =>
        new([
            new MapShape
            {
                Keys = FrozenDictionary<string, Shape>.Empty,
                IsStrict = false,
                Open = value,
            },
            value,
        ]);

    private static IEnumerable<(string[] Names, string Kind)> Parts(string text) =>
        text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .Select(part => part.Split(':'))
            .Select(pair => (pair[0].Split('|'), pair.Length == 2 ? pair[1] : "text"));
}
