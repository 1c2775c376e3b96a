using System.Collections.Immutable;
using TestGrid.Core.Builds;

namespace TestGrid.Core.Config;

/// <summary>What reading a configuration depends on besides its text; given as data, so that reading does no IO.</summary>
/// <param name="Recipes">The recipes that exist here, in the order in which they are preferred.</param>
/// <param name="Trigger">What the build is for, for conditions; null when it is for nothing in particular (<c>config check</c>).</param>
/// <param name="Slug">The repository's <c>owner/name</c>, for conditions.</param>
public sealed record ConfigSettings(ImmutableArray<RecipeOffer> Recipes, Trigger? Trigger = null, string Slug = "")
{
    /// <summary>The most jobs of one build.</summary>
    public int MaxCells { get; init; } = 200;

    /// <summary>The most bytes of a file.</summary>
    public int MaxBytes { get; init; } = 256 << 10;

    /// <summary>The most levels of a file, aliases followed.</summary>
    public int MaxDepth { get; init; } = 50;
}

/// <summary>What a bundle's recipe gives.</summary>
/// <param name="Name">The recipe's name: <c>python</c>. Several recipes may offer one language.</param>
/// <param name="Language">Travis's name of the language: <c>python</c>, <c>c</c>; <c>generic</c> for the base.</param>
/// <param name="Version">The language's version as people write it (<c>3.11</c>), or null when it has none to choose.</param>
public sealed record RecipeOffer(string Name, string Language, string? Version = null);
