using System.Text;
using LibGit2Sharp;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Git;

/// <summary>
/// Copies a work tree as git sees it: what is tracked or new, and not what is ignored. Links stay links.
/// </summary>
internal sealed class FileCopy(GitOptions options, CancellationToken stop)
{
    private const int Deepest = 8;
    private int files;
    private long bytes;

    /// <summary>Folders of objects that the copies need: from where, to where.</summary>
    public List<(string From, string To)> Objects { get; } = [];

    /// <param name="from">The work tree.</param>
    /// <param name="to">The copy.</param>
    /// <param name="git">The copy's git folder.</param>
    /// <param name="name">The submodule's name; empty for the top.</param>
    public void CopyRepository(string from, string to, string git, string name, int depth = 0)
    {
        Directory.CreateDirectory(to);
        using var repository = new Repository(from);
        var submodules = new List<(string, string)>();
        foreach (var path in Paths(repository))
        {
            var source = Path.Combine(from, path);
            if (Directory.Exists(source) && new DirectoryInfo(source).LinkTarget is null)
            {
                var module = repository.Submodules.FirstOrDefault(module => module.Path == path);
                if (depth >= Deepest || module is null || !Repository.IsValid(source))
                    continue;
                CopyRepository(
                    source,
                    Path.Combine(to, path),
                    Path.Combine(git, "modules", module.Name),
                    module.Name,
                    depth + 1
                );
                submodules.Add((module.Name, module.Url));
                continue;
            }
            CopyFile(source, Path.Combine(to, path));
        }
        var common = GitFetch.CommonFolder(repository);
        Write(repository, git, to, name, submodules);
        Objects.Add((Path.Combine(common, "objects"), Path.Combine(git, "objects")));
        var index = Path.Combine(repository.Info.Path, "index");
        if (File.Exists(index))
            File.Copy(index, Path.Combine(git, "index"));
    }

    /// <summary>Copies everything, where no git says what belongs to it.</summary>
    public void CopyAll(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var entry in new DirectoryInfo(from).EnumerateFileSystemInfos())
        {
            if (entry is DirectoryInfo { LinkTarget: null })
                CopyAll(entry.FullName, Path.Combine(to, entry.Name));
            else
                CopyFile(entry.FullName, Path.Combine(to, entry.Name));
        }
    }

    private static string[] Paths(Repository repository)
    {
        var how = new StatusOptions
        {
            IncludeUntracked = true,
            RecurseUntrackedDirs = true,
            IncludeIgnored = false,
            DetectRenamesInIndex = false,
        };
        return repository
            .Index.Select(entry => entry.Path)
            .Concat(
                repository
                    .RetrieveStatus(how)
                    .Where(entry => entry.State.HasFlag(FileStatus.NewInWorkdir))
                    .Select(entry => entry.FilePath.TrimEnd('/'))
            )
            .Distinct(StringComparer.Ordinal)
            .ToArray();
    }

    private static void Write(
        Repository repository,
        string git,
        string tree,
        string name,
        List<(string, string)> submodules
    )
    {
        var branch = repository.Head;
        var refs = repository
            .Refs.OfType<DirectReference>()
            .Where(reference => reference.CanonicalName.StartsWith("refs/", StringComparison.Ordinal))
            .Select(r => (r.CanonicalName, r.TargetIdentifier, (r.Target as TagAnnotation)?.Target.Sha))
            .ToArray();
        var head = repository.Info.IsHeadDetached
            ? branch.Tip.Sha
            : "ref: " + (branch.CanonicalName ?? "refs/heads/main");
        var url = repository.Network.Remotes["origin"]?.Url ?? "";
        new GitFolder(head, WithoutCredential(url), refs)
        {
            Borrow = name.Length == 0,
            OriginHere = name.Length == 0 && IsHere(url),
            WorkTree = name.Length == 0 ? null : Path.GetRelativePath(git, tree),
            Submodules = submodules,
        }.Write(git);
        if (name.Length > 0)
            File.WriteAllText(Path.Combine(tree, ".git"), $"gitdir: {Path.GetRelativePath(tree, git)}\n");
    }

    private static bool IsHere(string url) =>
        url.Length == 0
        || (GitUrl.Check(url, allowLocal: true, out var known, out _) && known.Kind is GitUrlKind.Local);

    private static string WithoutCredential(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.UserInfo.Length > 0 && uri.Scheme is "http" or "https"
            ? new UriBuilder(uri!) { UserName = "", Password = "" }.Uri.ToString()
            : url;

    private void CopyFile(string from, string to)
    {
        stop.ThrowIfCancellationRequested();
        var source = new FileInfo(from);
        if (source is { LinkTarget: null, Exists: false } || IsSpecial(source))
            return; // deleted in the work tree, or a pipe or socket that nobody can copy
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        if (source.LinkTarget is { } target)
        {
            File.CreateSymbolicLink(to, target);
            return;
        }
        if (++files > options.MaxFiles || (bytes += source.Length) > options.MaxTreeBytes)
            throw new GitFetchException(
                $"The work tree is larger than {options.MaxFiles} files or {options.MaxTreeBytes >> 20} MB "
                    + "(Git:MaxFiles, Git:MaxTreeBytes)."
            );
        File.Copy(from, to);
        File.SetLastWriteTimeUtc(to, source.LastWriteTimeUtc);
    }

    // Opening a pipe would wait for ever.
    private static bool IsSpecial(FileInfo file) =>
        file.LinkTarget is null && (Posix.Look(Encoding.UTF8.GetBytes(file.FullName + '\0')).Mode & 0xF000) != 0x8000;
}
