using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace TestGrid.Core.Yaml;

/// <summary>
/// A part of a configuration with the place it came from. Every scalar is text, as Travis reads them: <c>3.10</c> stays
/// <c>3.10</c> and <c>on</c> stays <c>on</c>. Nodes are immutable and may be shared: an alias is the very node it
/// names,
/// so a small file cannot become a large tree in memory. Equality is by content and ignores the place and the order
/// of keys.
/// </summary>
public abstract class YamlNode(YamlMark mark) : IEquatable<YamlNode>
{
    private int? hash;

    /// <summary>Where it starts in the file.</summary>
    public YamlMark Mark { get; } = mark;

    /// <summary>
    /// How many nodes it would be if every alias in it were written out, long texts counting as several.
    /// </summary>
    public abstract long Weight { get; }

    /// <summary>How many levels it is deep; a scalar is 1.</summary>
    public abstract int Depth { get; }

    public bool Equals(YamlNode? other) =>
        ReferenceEquals(this, other) || (other is not null && GetHashCode() == other.GetHashCode() && SameAs(other));

    public sealed override bool Equals(object? obj) => Equals(obj as YamlNode);

    // Kept, because the cells of a large grid share most of their nodes and are compared with each other.
    [SuppressMessage("Design", "CA1065", Justification = "Pure and kept.")]
    public sealed override int GetHashCode() => hash ??= Hash();

    protected abstract bool SameAs(YamlNode other);

    protected abstract int Hash();
}

/// <summary>A place in a file.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1.</param>
/// <param name="File">Which file, where several make one configuration: 0 is the first.</param>
public readonly record struct YamlMark(int Line, int Column, int File = 0);

/// <summary>A value: text, or null for an empty value, <c>~</c> and <c>null</c>.</summary>
/// <param name="text">The text, without quotes.</param>
/// <param name="isPlain">It was written without quotes.</param>
/// <param name="mark">Where it stands.</param>
/// <param name="isNumber">Its place takes a number, and it is one.</param>
public sealed class YamlScalar(string? text, bool isPlain, YamlMark mark, bool isNumber = false) : YamlNode(mark)
{
    /// <summary>It is yes or no, and not a text: <c>true</c> or <c>false</c> without quotes.</summary>
    public bool IsTruth => IsPlain && Text is "true" or "false" or "True" or "False" or "TRUE" or "FALSE";

    /// <summary>A whole number without quotes.</summary>
    public bool IsInteger =>
        IsPlain
        && Text is { Length: > 0 and < 19 } text
        && (text[0] is >= '1' and <= '9' or '-' || text == "0")
        && long.TryParse(
            text,
            System.Globalization.NumberStyles.AllowLeadingSign,
            System.Globalization.CultureInfo.InvariantCulture,
            out _
        );

    public bool IsNumber { get; } = isNumber;

    public static YamlScalar Truth(bool truth, YamlMark mark) => new(truth ? "true" : "false", true, mark);

    public string? Text { get; } = text;

    public bool IsPlain { get; } = isPlain;

    public override long Weight => 1 + ((Text?.Length ?? 0) / 16);

    public override int Depth => 1;

    public override string ToString() => Text ?? "";

    protected override bool SameAs(YamlNode other) => other is YamlScalar scalar && scalar.Text == Text;

    protected override int Hash() => HashCode.Combine(1, Text);
}

/// <summary>A sequence.</summary>
public sealed class YamlList(ImmutableArray<YamlNode> items, YamlMark mark) : YamlNode(mark)
{
    public ImmutableArray<YamlNode> Items { get; } = items;

    public override long Weight { get; } = 1 + items.Sum(item => item.Weight);

    public override int Depth { get; } = 1 + items.Select(item => item.Depth).DefaultIfEmpty().Max();

    public override string ToString() => "[" + string.Join(", ", Items) + "]";

    protected override bool SameAs(YamlNode other) => other is YamlList list && list.Items.SequenceEqual(Items);

    protected override int Hash()
    {
        var code = new HashCode();
        foreach (var item in Items)
            code.Add(item);
        return code.ToHashCode();
    }
}
