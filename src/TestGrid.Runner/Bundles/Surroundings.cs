using System.Collections.Immutable;

namespace TestGrid.Runner.Bundles;

/// <summary>What a build is started with and must not hear of: two that differ make the same tree.</summary>
/// <param name="TimeZone">As <c>TZ</c> has it.</param>
/// <param name="Umask">In octal digits.</param>
internal sealed record Surroundings(string TimeZone, string Umask)
{
    /// <summary>What a bundle is built in.</summary>
    public static Surroundings Usual { get; } = new("UTC", "022");

    /// <summary>What it is built in a second time, to be compared: no digest may depend on either.</summary>
    public static Surroundings Other { get; } = new("TGT-13:45", "077");

    /// <summary>What the command begins with, so that it starts in these.</summary>
    public ImmutableArray<string> Start => ["sh", "-c", $"umask {Umask}; exec \"$@\"", "surroundings"];
}
