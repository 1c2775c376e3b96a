using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Cli.Diagnosis;

/// <summary>Can the data folder be used, and is its database whole.</summary>
internal static class StoreCheck
{
    public const string Part = "store";

    public static IEnumerable<Finding> Examine(Ground ground)
    {
        var path = ground.Settings.DataPath;
        var folder = Folder(path);
        yield return folder;
        if (folder.Level is FindingLevel.Failure || !Directory.Exists(path))
            yield break;
        if (DataFolder.FindOwner(path) is { } owner)
            yield return Finding.Ok(Part, "in use", $"by process {owner}, and no second one can");
        yield return Key(Path.Combine(path, "secrets.key"));
        yield return Database(Path.Combine(path, "testgrid.db"));
    }

    private static Finding Folder(string path)
    {
        const string What = "data folder";
        if (InTheWay(path) is { } file)
            return new Finding(Part, What, FindingLevel.Failure, $"{file} is a file", $"mv {file} {file}.old");
        var existing = Ground.Existing(path);
        try
        {
            // Made and gone by the kernel: nothing stays, whatever becomes of us.
            var probe = Path.Combine(existing, $".testgrid-doctor-{Environment.ProcessId}");
            using (
                new FileStream(
                    probe,
                    FileMode.CreateNew,
                    FileAccess.Write,
                    FileShare.None,
                    1,
                    FileOptions.DeleteOnClose
                )
            ) { }
            return Finding.Ok(Part, What, existing == path ? path : $"{path}, not there yet: the first start makes it");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Finding(
                Part,
                What,
                FindingLevel.Failure,
                $"{existing} cannot be written: {e.Message}",
                $"chown -R {Environment.UserName} {existing}   # or another folder: --data DIR"
            );
        }
    }

    private static string? InTheWay(string path)
    {
        for (var above = Path.GetFullPath(path); above is not null; above = Path.GetDirectoryName(above))
        {
            if (File.Exists(above))
                return above;
        }
        return null;
    }

    private static Finding Key(string path)
    {
        const string What = "secrets' key";
        if (!File.Exists(path))
            return Finding.Note(Part, What, "not there yet: the first start makes it");
        var open = File.GetUnixFileMode(path) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        return open == UnixFileMode.None
            ? Finding.Ok(Part, What, "for its owner alone")
            : new Finding(Part, What, FindingLevel.Failure, $"others can read {path}", $"chmod 600 {path}");
    }

    private static Finding Database(string path)
    {
        const string What = "database";
        if (!File.Exists(path))
            return Finding.Note(Part, What, "not there yet: the first start makes it");
        return StoreFacts.Examine(path) is { } problem
            ? new Finding(
                Part,
                What,
                FindingLevel.Failure,
                problem,
                $"stop the server, then restore {path} from a backup"
            )
            : Finding.Ok(Part, What, $"whole, {new FileInfo(path).Length >> 10} KiB");
    }
}
