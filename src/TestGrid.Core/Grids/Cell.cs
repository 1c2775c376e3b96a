using System.Collections.Immutable;

namespace TestGrid.Core.Grids;

/// <summary>One value on one axis: <c>python</c> = <c>3.11</c>.</summary>
public sealed record AxisValue(string Axis, string Value);

/// <summary>One combination of the grid: a value for each axis that varies. Empty for a build of one job.</summary>
public sealed record Cell(ImmutableArray<AxisValue> Values)
{
    public static Cell Only { get; } = new([]);

    /// <summary>The cell as people read it: <c>3.11, MODE=fast</c>.</summary>
    public override string ToString() => string.Join(", ", Values.Select(value => value.Value));
}
