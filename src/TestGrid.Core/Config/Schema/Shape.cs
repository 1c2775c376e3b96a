using System.Collections.Frozen;

namespace TestGrid.Core.Config.Schema;

/// <summary>
/// What may stand at one place of a configuration. A closed set of forms; the tables are in <c>*Shapes.cs</c>.
/// </summary>
internal abstract class Shape
{
    /// <summary>Of several shapes, the one that a value is brought to.</summary>
    public bool IsNormal { get; init; }
}

/// <summary>One of several shapes.</summary>
/// <param name="options">They are tried in this order.</param>
/// <param name="detectedBy">The key whose value names the option, as <c>provider</c> does for <c>deploy</c>.</param>
internal sealed class AnyShape(Shape[] options, string? detectedBy = null) : Shape
{
    public Shape[] Options { get; } = options;

    /// <summary>The options that values are brought to: the normal ones if there are any.</summary>
    public Shape[] Targets { get; } =
        options.Any(option => option.IsNormal) ? [.. options.Where(option => option.IsNormal)] : options;

    public string? DetectedBy { get; } = detectedBy;
}

/// <summary>A list of things of one shape.</summary>
internal sealed class ListShape(Shape item) : Shape
{
    public Shape Item { get; } = item;
}

/// <summary>A mapping of known keys, or of any keys to one shape.</summary>
internal sealed class MapShape : Shape
{
    public required FrozenDictionary<string, Shape> Keys { get; init; }

    /// <summary>Other names of keys.</summary>
    public FrozenDictionary<string, string> Aliases { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>Own keys, which no slip of the pen is read as.</summary>
    public FrozenSet<string> OwnKeys { get; init; } = [];

    /// <summary>An unknown key is a mistake.</summary>
    public bool IsStrict { get; init; } = true;

    /// <summary>The shape of values at unknown keys, or null for any.</summary>
    public Shape? Open { get; init; }

    /// <summary>Where a value goes that is no such mapping: <c>branches: main</c> is <c>only</c>.</summary>
    public string? Prefix { get; init; }

    /// <summary>Only a text goes there.</summary>
    public bool IsPrefixForTexts { get; init; }

    /// <summary>Yes and no are <c>enabled</c>, and <c>disabled</c> is its opposite.</summary>
    public bool IsSwitch { get; init; }

    /// <summary>Names of caches and folders, in many forms.</summary>
    public bool IsCache { get; init; }

    /// <summary>An empty mapping says something too.</summary>
    public bool IsEmptyKept { get; init; }

    /// <summary>A value that stands where none is written.</summary>
    public KeyValuePair<string, string>? Default { get; init; }

    /// <summary>Keys that each value takes over from this mapping, and which then leave it.</summary>
    public string[] Inherited { get; init; } = [];

    /// <summary>Keys and their other names: what a slip of the pen may have meant.</summary>
    public string[] Known => field ??= [.. Keys.Keys.Where(key => !OwnKeys.Contains(key)), .. Aliases.Keys];

    /// <summary>Keys that are yes or no.</summary>
    public FrozenSet<string> Truths =>
        field ??= Keys.Where(pair => pair.Value is TruthShape && pair.Key != "edge")
            .Select(pair => pair.Key)
            .ToFrozenSet();
}

/// <summary>A text.</summary>
internal sealed class TextShape : Shape
{
    /// <summary>The texts it takes; null for any.</summary>
    public ValueTable? Values { get; init; }

    public bool IsLowercase { get; init; }

    /// <summary>A value of no table is not of this shape; else it is kept, with a message.</summary>
    public bool IsStrict { get; init; }
}

/// <summary>Yes or no.</summary>
/// <param name="only">The only one it may be, or null.</param>
internal sealed class TruthShape(bool? only = null) : Shape
{
    public bool? Only { get; } = only;
}

/// <summary>A number.</summary>
internal sealed class NumberShape : Shape;

/// <summary>A text or an encrypted value.</summary>
internal sealed class SecretShape : Shape;

/// <summary>The variables of the environment, which <see cref="EnvShape"/> reads.</summary>
/// <param name="isJob">They are one job's.</param>
internal sealed class VariablesShape(bool isJob) : Shape
{
    public bool IsJob { get; } = isJob;
}

/// <summary>Commands: a mapping among them is a text that YAML took apart.</summary>
internal sealed class CommandsShape(bool isJob) : Shape
{
    public bool IsJob { get; } = isJob;
}
