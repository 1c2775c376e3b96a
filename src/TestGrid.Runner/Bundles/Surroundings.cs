using System.Collections.Immutable;

namespace TestGrid.Runner.Bundles;

/// <summary>The machine as a build begins on it, of which it must not hear: two that differ make the same tree.</summary>
internal static class Surroundings
{
    private const string Zone = "/usr/share/zoneinfo/Pacific/Chatham";

    /// <summary>
    /// What a command begins with to start with another umask and, where the machine has that zone, another local time; in a
    /// mount namespace of its own.
    /// </summary>
    public static ImmutableArray<string> Others { get; } =
        File.Exists(Zone) && File.Exists("/etc/localtime")
            ? ["sh", "-ec", $"umask 077; mount --bind {Zone} /etc/localtime; exec \"$@\"", "surroundings"]
            : ["sh", "-ec", "umask 077; exec \"$@\"", "surroundings"];
}
