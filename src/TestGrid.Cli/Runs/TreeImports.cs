using LibGit2Sharp;
using TestGrid.Cli.Exits;
using TestGrid.Core.Config.Imports;

namespace TestGrid.Cli.Runs;

/// <summary>
/// Imported files on this machine: those of the work tree as they stand, and other repositories' from folders that the
/// caller named. The server reads the latter from what is registered; here nobody knows where they are.
/// </summary>
/// <param name="folder">The work tree, or the folder of a file that is in none.</param>
/// <param name="slug">The work tree's <c>owner/name</c>.</param>
/// <param name="elsewhere">Folders of other repositories, by their <c>owner/name</c>.</param>
internal sealed class TreeImports(string folder, string slug, IReadOnlyDictionary<string, string> elsewhere)
{
    private const int Most = 256 << 10;

    public string Slug { get; } = slug;

    /// <summary>What <c>--import-from OWNER/NAME=DIR</c> says.</summary>
    public static Dictionary<string, string> Elsewhere(IEnumerable<string> told)
    {
        var folders = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var one in told)
        {
            if (one.Split('=', 2) is not [{ Length: > 0 } slug, { Length: > 0 } path] || !Directory.Exists(path))
                throw new CommandException(
                    $"--import-from {one}: write OWNER/NAME=DIR, with a folder that is there",
                    ExitCodes.Usage
                );
            folders[slug] = path;
        }

        return folders;
    }

    public ValueTask<ImportedFile> ReadAsync(ImportSource source, CancellationToken stop)
    {
        var root = source.Slug is null ? folder : elsewhere.GetValueOrDefault(source.Slug);
        if (root is null)
            return ValueTask.FromResult<ImportedFile>(
                new ImportedFile.Refused(
                    $"only files of this work tree are read here, and {source.Slug} is another repository",
                    $"name a folder that has it: --import-from {source.Slug}=DIR"
                )
            );
        return ValueTask.FromResult(
            source.Ref is { } named ? AtRef(root, named, source.Path) : AsItStands(root, source.Path)
        );
    }

    // A link may lead out of the tree, and the tree may be a stranger's.
    private static ImportedFile AsItStands(string root, string path)
    {
        var full = root;
        foreach (var part in path.Split('/'))
        {
            full = Path.Combine(full, part);
            if (new FileInfo(full).LinkTarget is not null)
                return new ImportedFile.Refused("there is a symbolic link on its way, and links are not followed");
        }

        if (!File.Exists(full))
            return new ImportedFile.Refused($"there is no such file in {root}");
        return new FileInfo(full).Length > Most
            ? new ImportedFile.Refused("it is larger than 256 kB")
            : new ImportedFile.Text(File.ReadAllBytes(full));
    }

    private static ImportedFile AtRef(string root, string named, string path)
    {
        if (Repository.Discover(root) is not { } found)
            return new ImportedFile.Refused($"{root} is in no git repository, so it has no '{named}'");
        using var git = new Repository(found);
        var commit =
            git.Branches[named]?.Tip
            ?? git.Branches["origin/" + named]?.Tip
            ?? (git.Tags[named]?.PeeledTarget as Commit)
            ?? (ObjectId.TryParse(named, out var id) ? git.Lookup<Commit>(id) : null);
        return commit switch
        {
            null => new ImportedFile.Refused($"{root} has no branch, tag or commit '{named}'"),
            _ => commit[path] switch
            {
                { Mode: Mode.NonExecutableFile or Mode.ExecutableFile, Target: Blob { Size: <= Most } blob } =>
                    new ImportedFile.Text(Bytes(blob)),
                null => new ImportedFile.Refused($"there is no such file at '{named}'"),
                _ => new ImportedFile.Refused("it is no file, or larger than 256 kB"),
            },
        };
    }

    private static byte[] Bytes(Blob blob)
    {
        using var content = blob.GetContentStream();
        using var bytes = new MemoryStream();
        content.CopyTo(bytes);
        return bytes.ToArray();
    }
}
