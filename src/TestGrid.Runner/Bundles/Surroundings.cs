using System.Collections.Immutable;

namespace TestGrid.Runner.Bundles;

/// <summary>The machine as a build begins on it, of which it must not hear: two that differ make the same tree.</summary>
/// <param name="Umask">In octal digits.</param>
/// <param name="Zone">A file of zoneinfo that is the machine's local time to the build; null for its own.</param>
internal sealed record Surroundings(string Umask, string? Zone)
{
    /// <summary>What a bundle is built in.</summary>
    public static Surroundings Usual { get; } = new("022", null);

    /// <summary>What it is built in a second time, to be compared: no digest may depend on either.</summary>
    public static Surroundings Other { get; } = new("077", "/usr/share/zoneinfo/Pacific/Chatham");

    /// <summary>What the command begins with, so that it starts in these; it is in a mount namespace of its own.</summary>
    public ImmutableArray<string> Start =>
        Zone is not null && File.Exists(Zone) && File.Exists("/etc/localtime")
            ? ["sh", "-ec", $"umask {Umask}; mount --bind {Zone} /etc/localtime; exec \"$@\"", "surroundings"]
            : ["sh", "-ec", $"umask {Umask}; exec \"$@\"", "surroundings"];
}
