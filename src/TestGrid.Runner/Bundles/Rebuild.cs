using System.Collections.Immutable;

namespace TestGrid.Runner.Bundles;

/// <summary>What came of building a bundle a second time, at another path, in another time zone and with another umask.</summary>
/// <param name="Differences">Lines of the manifest that differ, <c>-</c> for the first build; empty when both are the same to the byte.</param>
/// <param name="OnOtherFileSystem">Whether the second was built in memory; false where that had no room.</param>
public sealed record Rebuild(ImmutableArray<string> Differences, bool OnOtherFileSystem)
{
    /// <summary>Whether both are the same to the byte.</summary>
    public bool IsSame => Differences.IsEmpty;
}
