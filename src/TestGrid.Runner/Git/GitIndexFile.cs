using System.Buffers.Binary;
using System.Security.Cryptography;

namespace TestGrid.Runner.Git;

/// <summary>
/// Makes an index that libgit2 wrote true in a sandbox: there the files have other inodes, owners and times of
/// creation, so every entry gets none of those, and the time that its file was given. With
/// <c>core.checkStat=minimal</c> git then trusts it and reads no file to see that nothing has changed.
/// </summary>
internal static class GitIndexFile
{
    private const int Header = 12;
    private const int Stat = 40;
    private const int Fixed = Stat + 20 + 2;
    private const int Extended = 0x4000;

    /// <param name="path">An index of version 2 or 3; rewritten in place.</param>
    /// <param name="changed">Seconds since 1970 that all its files have as their time of change.</param>
    public static void Rewrite(string path, long changed)
    {
        var all = File.ReadAllBytes(path);
        if (!all.AsSpan(0, 4).SequenceEqual("DIRC"u8) || all[7] is not (2 or 3))
            throw new GitFetchException($"{path} is no index that can be read.");
        var count = BinaryPrimitives.ReadInt32BigEndian(all.AsSpan(8));
        for (var (i, at) = (0, Header); i < count; i++)
        {
            var entry = all.AsSpan(at);
            // ctime 8, mtime 8, device 4, inode 4, [mode 4], user 4, group 4, [size 4]
            entry[..24].Clear();
            BinaryPrimitives.WriteUInt32BigEndian(entry[8..], (uint)changed);
            entry[28..36].Clear();
            var flags = BinaryPrimitives.ReadUInt16BigEndian(entry[(Fixed - 2)..]);
            var name = (flags & Extended) != 0 ? Fixed + 2 : Fixed;
            var length = name + entry[name..].IndexOf((byte)0);
            at += (length + 8) & ~7; // 1 to 8 zeros fill up to a multiple of 8
        }
        var body = all.AsSpan(0, all.Length - 20);
#pragma warning disable CA5350 // git's own format
        SHA1.HashData(body, all.AsSpan(all.Length - 20));
#pragma warning restore CA5350
        File.WriteAllBytes(path, all);
    }
}
