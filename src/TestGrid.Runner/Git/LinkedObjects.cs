using TestGrid.Runner.Files;

namespace TestGrid.Runner.Git;

/// <summary>
/// A second folder of a repository's objects that takes no room: objects never change, so links will do.
/// </summary>
internal static class LinkedObjects
{
    private const UnixFileMode OthersRead = UnixFileMode.OtherRead;

    /// <summary>
    /// Links each object file where it can, and copies it where it cannot, or where others may not read it.
    /// </summary>
    /// <param name="owner">
    /// Who gets the folders and the copies; null leaves them ours. What is linked stays whose it is.
    /// </param>
    public static void Make(string from, string to, (long User, long Group)? owner)
    {
        Directory.CreateDirectory(to);
        Give(to, owner);
        foreach (var folder in Directory.GetDirectories(from))
        {
            if (new DirectoryInfo(folder).LinkTarget is null)
                Make(folder, Path.Combine(to, Path.GetFileName(folder)), owner);
        }
        foreach (var file in Directory.GetFiles(from))
        {
            var target = Path.Combine(to, Path.GetFileName(file));
            if (Path.GetFileName(file).StartsWith("tmp_", StringComparison.Ordinal) || File.Exists(target))
                continue;
            if ((File.GetUnixFileMode(file) & OthersRead) != 0 && Posix.TryLink(file, target))
                continue;
            File.Copy(file, target);
            File.SetUnixFileMode(target, (UnixFileMode)0x124); // 0444
            Give(target, owner);
        }
    }

    private static void Give(string path, (long User, long Group)? owner)
    {
        if (owner is { } to)
            Posix.GiveTo(path, to.User, to.Group);
    }
}
