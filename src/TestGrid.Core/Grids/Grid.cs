using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace TestGrid.Core.Grids;

/// <summary>One thing that varies, and the values it takes.</summary>
public sealed record Axis<T>(string Name, ImmutableArray<T> Values);

/// <summary>Every combination of some axes.</summary>
public static class Grid
{
    /// <summary>
    /// How many combinations there are: 1 for no axis, 0 when an axis has no value, <see cref="long.MaxValue"/> when
    /// it is more
    /// than that. Ask before expanding: a configuration of a few hundred bytes can have millions.
    /// </summary>
    public static long Count<T>(IReadOnlyList<Axis<T>> axes)
    {
        // A zero anywhere is zero, also beside an overflow.
        if (axes.Any(axis => axis.Values.IsEmpty))
            return 0;
        var product = (Int128)1;
        foreach (var axis in axes)
            product = Int128.Min(product * axis.Values.Length, long.MaxValue);
        return (long)product;
    }

    /// <summary>
    /// The combinations in Travis's order: the first axis varies slowest, like nested loops. One value for each axis.
    /// </summary>
    public static IEnumerable<ImmutableArray<T>> Combinations<T>(IReadOnlyList<Axis<T>> axes)
    {
        var count = Count(axes);
        for (var at = 0L; at < count; at++)
        {
            var values = new T[axes.Count];
            var rest = at;
            for (var i = axes.Count - 1; i >= 0; i--)
            {
                values[i] = axes[i].Values[(int)(rest % axes[i].Values.Length)];
                rest /= axes[i].Values.Length;
            }

            yield return ImmutableCollectionsMarshal.AsImmutableArray(values);
        }
    }
}
