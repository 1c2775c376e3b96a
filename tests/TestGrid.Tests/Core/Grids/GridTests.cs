using System.Collections.Immutable;
using CsCheck;
using TestGrid.Core.Grids;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Grids;

public sealed class GridTests
{
    private static readonly Gen<ImmutableArray<Axis<int>>> Axes = Gen.Int[0, 5]
        .List[0, 5]
        .Select(sizes =>
            sizes.Select((size, at) => new Axis<int>($"axis{at}", [.. Enumerable.Range(0, size)])).ToImmutableArray()
        );

    [Fact]
    public void There_are_as_many_combinations_as_their_count_says_all_different_and_in_order() =>
        Axes.Each(
            axes =>
            {
                var combinations = Grid.Combinations(axes).Select(values => string.Join(',', values)).ToList();

                Assert.Equal(axes.Aggregate(1L, (product, axis) => product * axis.Values.Length), combinations.Count);
                Assert.Equal(combinations.Count, combinations.Distinct().Count());
                Assert.Equal(combinations.Order(StringComparer.Ordinal), combinations);
            },
            300
        );

    [Fact]
    public void No_axis_is_one_combination() => Assert.Empty(Assert.Single(Grid.Combinations<int>([])));

    [Fact]
    public void A_count_beyond_all_numbers_is_the_largest_and_an_empty_axis_is_none()
    {
        var wide = Enumerable.Repeat(new Axis<int>("wide", [.. Enumerable.Range(0, 10_000)]), 20).ToList();

        Assert.Equal(long.MaxValue, Grid.Count(wide));
        Assert.Equal(0, Grid.Count<int>([.. wide, new Axis<int>("empty", [])]));
    }
}
