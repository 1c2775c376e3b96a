using System.Globalization;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// Reads what the engine must know of a bundle's tree from outside: users, and what stands at a path. A link is never
/// followed: a tree made by others could lead out of itself.
/// </summary>
/// <param name="root">The tree on disk.</param>
/// <param name="firstId">What id 0 inside is outside.</param>
internal sealed class BundleTree(string root, int firstId)
{
    /// <exception cref="SandboxException">The bundle has no such user.</exception>
    public BundleUser FindUser(string name)
    {
        var entry =
            ReadRecords("/etc/passwd").FirstOrDefault(fields => fields.Length >= 7 && fields[0] == name)
            ?? throw new SandboxException($"The bundle at {root} has no user {name}: its recipe has to make one.");
        var groups = ReadRecords("/etc/group")
            .Where(fields => fields.Length >= 4 && fields[3].Split(',').Contains(name))
            .Select(fields => ReadId(fields[2]))
            .ToList();
        return new BundleUser(ReadId(entry[2]), ReadId(entry[3]), groups);
    }

    /// <summary>Whether the bundle has a user of that name.</summary>
    public bool HasUser(string name)
    {
        try
        {
            FindUser(name);
            return true;
        }
        catch (SandboxException)
        {
            return false;
        }
    }

    /// <summary>What is at a path inside, or null. Ids are those inside.</summary>
    /// <exception cref="SandboxException">A folder on the way is a link.</exception>
    public Posix.FileFacts? Look(string path)
    {
        var walked = "";
        Posix.FileFacts? facts = Posix.Look(root);
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (facts is not { IsFolder: true })
                throw new SandboxException(
                    $"{walked} in the bundle at {root} is no folder, so {path} cannot be there."
                );
            walked = $"{walked}/{part}";
            facts = Posix.Look(root + walked);
            if (facts is null)
                return null;
        }
        return facts is { } found ? found with { Uid = Inside(found.Uid), Gid = Inside(found.Gid) } : null;
    }

    // Ids outside the range are shown inside as nobody.
    private uint Inside(uint id) =>
        id >= firstId && id < firstId + (long)SandboxOptions.IdCount ? id - (uint)firstId : 65534;

    private IEnumerable<string[]> ReadRecords(string path) =>
        Look(path) is { IsFile: true }
            ? File.ReadLines(root + path).Select(line => line.Split(':'))
            : throw new SandboxException($"The bundle at {root} has no {path}, or it is a link.");

    private static int ReadId(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id < SandboxOptions.IdCount
            ? id
            : throw new SandboxException(
                $"'{text}' is no id that a sandbox can have: 0 to {SandboxOptions.IdCount - 1}."
            );

    /// <summary>A user as the kernel knows it.</summary>
    internal sealed record BundleUser(int Uid, int Gid, IReadOnlyList<int> Groups);
}
