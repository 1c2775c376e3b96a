using LibGit2Sharp;

namespace TestGrid.Runner.Git;

/// <summary>
/// Looks through a commit's tree before a file of it is written: its size, and names that mean something else to a
/// file system than to git. libgit2 refuses most of them too; two guards stand here because a hole in either lets
/// a stranger write as root.
/// </summary>
internal sealed class GitTreeCheck(GitOptions options, CancellationToken stop)
{
    private int files;

    /// <summary>What all files take.</summary>
    public long Bytes { get; private set; }

    /// <summary>The submodules' places and commits, found on the way.</summary>
    public List<(string Path, string Sha)> Links { get; } = [];

    /// <exception cref="GitFetchException">The tree cannot be checked out; the message says what in it.</exception>
    public void Check(Repository repository, Tree tree) => Check(repository, tree, "", 0);

    private void Check(Repository repository, Tree tree, string folder, int depth)
    {
        stop.ThrowIfCancellationRequested();
        if (depth > 200)
            throw new GitFetchException("The commit has folders more than 200 deep.");
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var entry in tree)
        {
            var path = folder + entry.Name;
            if (IsBad(entry.Name) || !names.Add(entry.Name))
                throw new GitFetchException($"The commit holds a path that is never checked out: {Printable(path)}");
            if (++files > options.MaxFiles)
                throw new GitFetchException($"The commit has more than {options.MaxFiles} files (Git:MaxFiles).");
            switch (entry.TargetType)
            {
                case TreeEntryTargetType.GitLink:
                    Links.Add((path, entry.Target.Sha));
                    break;
                case TreeEntryTargetType.Tree:
                    Check(repository, (Tree)entry.Target, path + "/", depth + 1);
                    break;
                default:
                    // The header alone: the blob is not read.
                    Bytes += repository.ObjectDatabase.RetrieveObjectMetadata(entry.Target.Id).Size;
                    if (Bytes > options.MaxTreeBytes)
                        throw new GitFetchException(
                            $"The commit's files are more than {options.MaxTreeBytes >> 20} MB (Git:MaxTreeBytes)."
                        );
                    break;
            }
        }
    }

    // ".git" in any case, and the forms under which Windows and macOS file systems find the same folder.
    private static bool IsBad(string name) =>
        name is "" or "." or ".."
        || name.Contains('/', StringComparison.Ordinal)
        || name.Contains('\0', StringComparison.Ordinal)
        || Bare(name) is ".git" or "git~1";

    private static string Bare(string name) =>
        new string([.. name.Where(c => char.GetUnicodeCategory(c) is not System.Globalization.UnicodeCategory.Format)])
            .Split(':')[0]
            .TrimEnd(' ', '.')
            .ToLowerInvariant();

    private static string Printable(string path) => new([.. path.Take(200).Select(c => char.IsControl(c) ? '?' : c)]);
}
