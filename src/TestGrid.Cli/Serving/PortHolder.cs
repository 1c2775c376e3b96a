using System.Globalization;

namespace TestGrid.Cli.Serving;

/// <summary>Finds out who listens on a port of this machine, so that «address in use» can say by whom.</summary>
internal static class PortHolder
{
    /// <summary>Who it is.</summary>
    internal sealed record Holder(string Program, int ProcessId)
    {
        public override string ToString() => $"{Program} (process {ProcessId})";
    }

    private const string Listening = "0A";
    private static readonly string[] Tables = ["/proc/net/tcp", "/proc/net/tcp6"];

    /// <summary>Program and process, or null when it cannot be seen (it is another user's).</summary>
    public static Holder? Find(int port)
    {
        var sockets = Tables
            .Where(File.Exists)
            .SelectMany(File.ReadLines)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length > 9 && fields[3] == Listening && PortOf(fields[1]) == port)
            .Select(fields => $"socket:[{fields[9]}]")
            .ToHashSet(StringComparer.Ordinal);
        if (sockets.Count == 0)
            return null;
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), CultureInfo.InvariantCulture, out var id))
                continue;
            if (NameOfHolder(process, sockets) is { } name)
                return new Holder(name, id);
        }
        return null;
    }

    private static int PortOf(string address) =>
        int.TryParse(
            address.AsSpan(address.IndexOf(':', StringComparison.Ordinal) + 1),
            NumberStyles.HexNumber,
            CultureInfo.InvariantCulture,
            out var port
        )
            ? port
            : -1;

    private static string? NameOfHolder(string process, HashSet<string> sockets)
    {
        try
        {
            var holds = Directory
                .EnumerateFiles(Path.Combine(process, "fd"))
                .Any(file => new FileInfo(file).LinkTarget is { } target && sockets.Contains(target));
            return holds ? File.ReadAllText(Path.Combine(process, "comm")).Trim() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // it ended, or it is another user's
        }
    }
}
