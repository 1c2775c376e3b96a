using System.Globalization;
using System.Security.Cryptography;

namespace TestGrid.Server.Store;

/// <summary>
/// The one folder that holds everything: database, logs, keys. One process owns it, by a lock that the kernel gives
/// back however that process ends.
/// </summary>
public sealed class DataFolder : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly FileStream held;

    private DataFolder(string path, FileStream held) => (Path, this.held) = (path, held);

    public string Path { get; }

    public string DatabasePath => System.IO.Path.Combine(Path, "testgrid.db");

    public string LogsPath => System.IO.Path.Combine(Path, "logs");

    /// <summary>Holds the token of the local command line, for those who may read it.</summary>
    public string AdminTokenPath => System.IO.Path.Combine(Path, "admin-token");

    /// <summary>
    /// Where the data lies when nobody says: <c>$TESTGRID_DATA</c>, else <c>$STATE_DIRECTORY</c> (systemd's), else
    /// <c>/var/lib/testgrid</c> for root, else <c>$XDG_DATA_HOME/testgrid</c> or <c>~/.local/share/testgrid</c>.
    /// </summary>
    public static string Usual(Func<string, string?> environment, bool root)
    {
        if (Set("TESTGRID_DATA") is { } given)
            return System.IO.Path.GetFullPath(given);
        if (Set("STATE_DIRECTORY") is { } state)
            return state.Split(':')[0];
        if (root)
            return "/var/lib/testgrid";
        var home = Set("XDG_DATA_HOME") ?? System.IO.Path.Combine(Set("HOME") ?? "/tmp", ".local/share");
        return System.IO.Path.Combine(home, "testgrid");

        string? Set(string name) => environment(name) is { Length: > 0 } value ? value : null;
    }

    /// <inheritdoc cref="Usual(Func{string, string?}, bool)"/>
    public static string Usual() => Usual(Environment.GetEnvironmentVariable, Environment.IsPrivilegedProcess);

    /// <summary>Makes the folder if need be, readable by its owner alone where it holds secrets, and locks it.</summary>
    /// <exception cref="StoreException">Another process holds it (the message says which), or it cannot be written.</exception>
    public static DataFolder Open(string path)
    {
        var full = System.IO.Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(full);
            var held = Lock(System.IO.Path.Combine(full, "lock"), full);
            Directory.CreateDirectory(System.IO.Path.Combine(full, "logs"), OwnerOnly | UnixFileMode.UserExecute);
            return new DataFolder(full, held);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException($"The data folder {full} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>The process that holds the folder now, or null when nobody does.</summary>
    public static int? FindOwner(string path)
    {
        var held = System.IO.Path.Combine(path, "lock");
        if (!File.Exists(held))
            return null;
        try
        {
            using var free = new FileStream(held, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return null; // another user's: opening the folder will say so
        }
        catch (IOException)
        {
            var owner = System.IO.Path.Combine(path, "owner");
            return File.Exists(owner) && int.TryParse(File.ReadAllText(owner), CultureInfo.InvariantCulture, out var id)
                ? id
                : 0;
        }
    }

    /// <summary>The key of this folder's sealed values: 32 random bytes in a file of the owner's, made at first need.</summary>
    public byte[] ReadOrMakeKey()
    {
        var path = System.IO.Path.Combine(Path, "secrets.key");
        if (!File.Exists(path))
            WriteSecret(path, RandomNumberGenerator.GetBytes(32));
        var key = File.ReadAllBytes(path);
        return key.Length == 32
            ? key
            : throw new StoreException($"{path} is not a key of 32 bytes: restore it from a backup.");
    }

    /// <summary>Writes a file that only its owner may read; it is there whole or not at all.</summary>
    public static void WriteSecret(string path, ReadOnlySpan<byte> bytes)
    {
        var beside = path + ".new";
        File.Delete(beside);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = OwnerOnly,
        };
        using (var file = new FileStream(beside, options))
        {
            file.Write(bytes);
            file.Flush(flushToDisk: true);
        }
        File.Move(beside, path, overwrite: true);
    }

    public void Dispose() => held.Dispose();

    private static FileStream Lock(string path, string folder)
    {
        var owner = System.IO.Path.Combine(folder, "owner");
        FileStream file;
        try
        {
            // FileShare.None is flock(2) here: the kernel gives it back, and the descriptor is not inherited by children.
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (File.Exists(path))
        {
            throw new StoreException($"The data folder {folder} is in use by {Holder(owner)}.");
        }
        // In a file of its own: nobody else gets to read a file that is locked.
        File.WriteAllText(owner, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        return file;
    }

    private static string Holder(string owner)
    {
        try
        {
            return $"process {int.Parse(File.ReadAllText(owner), CultureInfo.InvariantCulture)}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return "another process";
        }
    }
}
