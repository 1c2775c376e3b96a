using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Facts;

/// <summary>
/// The files of a root filesystem, as a program inside would find them: a link leads where it leads inside, and never out
/// (openat2(2), <c>RESOLVE_IN_ROOT</c>). Nothing in it is executed, and only plain files are opened.
/// </summary>
internal sealed unsafe partial class RootFiles : IDisposable
{
    private const int OpenAt2 = 437; // the same on every processor since Linux 5.6
    private const int CurrentFolder = -100;
    private const ulong PathOnly = 0x200000; // O_PATH
    private const ulong CloseOnExec = 0x80000;
    private const ulong InRoot = 0x10; // RESOLVE_IN_ROOT
    private const ulong NoMagicLinks = 0x02;

    private readonly SafeFileHandle root;
    private readonly string rootPath;

    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public RootFiles(string path)
    {
        root =
            Open(CurrentFolder, Path.GetFullPath(path), PathOnly, resolve: 0)
            ?? throw new DirectoryNotFoundException($"{path} is not there, or may not be read.");
        rootPath = Named(root).TrimEnd('/');
    }

    /// <summary>A plain file's bytes; null when there is none, it may not be read, or is larger than this.</summary>
    public byte[]? Read(string path, int most = 32 << 20)
    {
        using var named = Open(path, PathOnly);
        if (named is null || !Posix.IsPlainFile(named.DangerousGetHandle()))
            return null; // to open a device is to use it
        using var file = Reopen(named);
        if (file is null)
            return null;
        var length = RandomAccess.GetLength(file);
        if (length > most)
            return null;
        var bytes = new byte[length];
        var read = 0;
        while (read < length && RandomAccess.Read(file, bytes.AsSpan(read), read) is var more and > 0)
            read += more;
        return bytes[..read];
    }

    /// <summary>A plain file as text, empty when there is none.</summary>
    public string Text(string path) => Encoding.UTF8.GetString(Read(path) ?? []);

    /// <summary>The lines of a plain file that hold something, without those that begin with #.</summary>
    public IEnumerable<string> Lines(string path) =>
        Text(path).Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#');

    /// <summary>The SHA-256 of a plain file in hexadecimal digits, or null.</summary>
    public string? Hash(string path) =>
        Read(path) is { } bytes ? Convert.ToHexStringLower(SHA256.HashData(bytes)) : null;

    /// <summary>The names in a folder, in order of their characters; none when there is no folder.</summary>
    public string[] Names(string folder)
    {
        using var opened = Open(folder, PathOnly);
        if (opened is null)
            return [];
        try
        {
            var names = Directory.GetFileSystemEntries(Behind(opened) + "/").Select(entry => Path.GetFileName(entry));
            return [.. names.Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // no folder, or not ours to read
        }
    }

    /// <summary>Where a path leads, with all links followed; null when that is nowhere.</summary>
    public string? Resolve(string path)
    {
        using var opened = Open(path, PathOnly);
        if (opened is null)
            return null;
        var named = Named(opened);
        return named.StartsWith(rootPath + "/", StringComparison.Ordinal) ? named[rootPath.Length..] : null;
    }

    public void Dispose() => root.Dispose();

    private SafeFileHandle? Open(string path, ulong flags) =>
        Open((int)root.DangerousGetHandle(), path, flags, InRoot | NoMagicLinks);

    private static SafeFileHandle? Open(int at, string path, ulong flags, ulong resolve)
    {
        var how = stackalloc ulong[] { flags | CloseOnExec, 0, resolve }; // struct open_how
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        {
            var opened = syscall(OpenAt2, at, name, how, sizeof(ulong) * 3);
            return opened < 0 ? null : new SafeFileHandle((nint)opened, ownsHandle: true);
        }
    }

    private static SafeFileHandle? Reopen(SafeFileHandle named)
    {
        try
        {
            return File.OpenHandle(Behind(named));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string Behind(SafeFileHandle file) => $"/proc/self/fd/{file.DangerousGetHandle()}";

    private static string Named(SafeFileHandle file) => new FileInfo(Behind(file)).LinkTarget ?? "";

    [LibraryImport("libc", SetLastError = true)]
    private static partial long syscall(long number, int at, byte* path, ulong* how, nint size);
}
