using System.Runtime.InteropServices;
using System.Text;

namespace TestGrid.Runner.Files;

/// <summary>What .NET does not say about files: owners, types, links and names as bytes.</summary>
internal static unsafe partial class Posix
{
    private const int CurrentFolder = -100;
    private const int NoFollow = 0x100;
    private const int BasicStats = 0x7FF;
    private const int LockExclusive = 2;
    private const int Interrupted = 4; // EINTR
    private const int ReadWriteMade = 0x80042; // O_RDWR | O_CREAT | O_CLOEXEC
    private const int OwnerOnly = 0x180; // 0600

    // O_NOFOLLOW | O_CLOEXEC; the first is another bit on arm64.
    private static readonly int ReadOnlyNoFollow =
        (RuntimeInformation.ProcessArchitecture is Architecture.Arm64 ? 0x8000 : 0x20000) | 0x80000;

    /// <summary><c>struct statx</c>: the same on every processor, unlike <c>struct stat</c>.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct Facts
    {
        [FieldOffset(20)]
        public uint User;

        [FieldOffset(24)]
        public uint Group;

        [FieldOffset(28)]
        public ushort Mode;

        [FieldOffset(40)]
        public long Size;

        [FieldOffset(128)]
        public uint DeviceMajor;

        [FieldOffset(132)]
        public uint DeviceMinor;
    }

    public static Facts Look(ReadOnlySpan<byte> path)
    {
        Facts facts;
        fixed (byte* name = path)
        {
            if (statx(CurrentFolder, name, NoFollow, BasicStats, &facts) != 0)
                throw Failed("statx", path);
        }
        return facts;
    }

    /// <summary>As <see cref="Look"/>, or null when there is nothing of that name.</summary>
    public static Facts? TryLook(ReadOnlySpan<byte> path) => TryLook(CurrentFolder, path, NoFollow);

    /// <summary>Whether what was opened, if only by name, is a plain file.</summary>
    public static bool IsPlainFile(nint file) =>
        TryLook((int)file, "\0"u8, 0x1000) is { } facts && (facts.Mode & 0xF000) == 0x8000; // AT_EMPTY_PATH

    private static Facts? TryLook(int folder, ReadOnlySpan<byte> path, int flags)
    {
        Facts facts;
        fixed (byte* name = path)
            return statx(folder, name, flags, BasicStats, &facts) == 0 ? facts : null;
    }

    /// <summary>The names in a folder, without <c>.</c> and <c>..</c>, as the bytes they are.</summary>
    public static List<byte[]> Names(ReadOnlySpan<byte> path)
    {
        nint folder;
        fixed (byte* name = path)
            folder = opendir(name);
        if (folder == 0)
            throw Failed("opendir", path);
        try
        {
            var names = new List<byte[]>();
            // struct dirent on 64-bit Linux: inode 8, offset 8, length 2, type 1, then the name.
            while (readdir(folder) is var entry and not 0)
            {
                var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)entry + 19);
                if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                    names.Add(name.ToArray());
            }
            return names;
        }
        finally
        {
            _ = closedir(folder);
        }
    }

    public static byte[] LinkTarget(ReadOnlySpan<byte> path)
    {
        var room = stackalloc byte[4096];
        fixed (byte* name = path)
        {
            var length = readlink(name, room, 4096);
            return length >= 0 ? new ReadOnlySpan<byte>(room, (int)length).ToArray() : throw Failed("readlink", path);
        }
    }

    /// <summary>An extended attribute, or empty when there is none.</summary>
    public static byte[] Attribute(ReadOnlySpan<byte> path, ReadOnlySpan<byte> attribute)
    {
        var room = stackalloc byte[256];
        fixed (
            byte* name = path,
                key = attribute
        )
        {
            var length = lgetxattr(name, key, room, 256);
            return length > 0 ? new ReadOnlySpan<byte>(room, (int)length).ToArray() : [];
        }
    }

    /// <summary>Opens for reading, and never through a link.</summary>
    public static Microsoft.Win32.SafeHandles.SafeFileHandle Open(ReadOnlySpan<byte> path)
    {
        fixed (byte* name = path)
        {
            var handle = open(name, ReadOnlyNoFollow);
            return handle >= 0 ? new(handle, ownsHandle: true) : throw Failed("open", path);
        }
    }

    public static void GiveTo(string path, long user, long group)
    {
        var name = Encoding.UTF8.GetBytes(path + '\0');
        fixed (byte* pointer = name)
        {
            if (lchown(pointer, (uint)user, (uint)group) != 0)
                throw Failed("chown", name);
        }
    }

    /// <summary>
    /// Gives the folder and all in it to one user, and one time of change to all but folders' own; links themselves,
    /// never what they point at. The names are bytes, so nothing is missed that is no UTF-8.
    /// </summary>
    /// <param name="owner">User and group; null leaves them.</param>
    /// <param name="changed">Seconds since 1970; null leaves it.</param>
    public static void Dress(string folder, (long User, long Group)? owner, long? changed) =>
        Dress(Encoding.UTF8.GetBytes(folder), owner, changed);

    private static void Dress(byte[] path, (long User, long Group)? owner, long? changed)
    {
        byte[] name = [.. path, 0];
        if ((Look(name).Mode & 0xF000) == 0x4000)
        {
            foreach (var child in Names(name))
                Dress([.. path, (byte)'/', .. child], owner, changed);
        }
        var times = stackalloc long[] { changed ?? 0, 0, changed ?? 0, 0 };
        fixed (byte* pointer = name)
        {
            if (changed is not null && utimensat(CurrentFolder, pointer, times, NoFollow) != 0)
                throw Failed("utimensat", name);
            if (owner is { } to && lchown(pointer, (uint)to.User, (uint)to.Group) != 0)
                throw Failed("chown", name);
        }
    }

    /// <summary>A second name for a file; false when the file systems differ or do not want it.</summary>
    public static bool TryLink(string file, string name)
    {
        fixed (
            byte* from = Encoding.UTF8.GetBytes(file + '\0'),
                to = Encoding.UTF8.GetBytes(name + '\0')
        )
            return link(from, to) == 0;
    }

    /// <summary>Returns when everything written to the file system of <paramref name="path"/> is on its disk.</summary>
    public static void Settle(string path)
    {
        using var folder = OpenFolder(path);
        if (syncfs((int)folder.DangerousGetHandle()) != 0)
            throw Failed("syncfs", Encoding.UTF8.GetBytes(path));
    }

    /// <summary>Makes a rename within the folder last.</summary>
    public static void SettleFolder(string path)
    {
        using var folder = OpenFolder(path);
        if (fsync((int)folder.DangerousGetHandle()) != 0)
            throw Failed("fsync", Encoding.UTF8.GetBytes(path));
    }

    /// <summary>
    /// Waits until the open file is locked for this handle alone: <c>flock</c>, as a <see cref="FileStream"/> with
    /// <see cref="FileShare.None"/> has it, which however only tries.
    /// </summary>
    public static void LockAlone(Microsoft.Win32.SafeHandles.SafeFileHandle file)
    {
        while (flock((int)file.DangerousGetHandle(), LockExclusive) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Interrupted)
                throw new IOException($"flock: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>Opens a file to lock it, made if need be, readable by its owner alone. .NET would try a lock at once.</summary>
    public static Microsoft.Win32.SafeHandles.SafeFileHandle OpenLock(string path)
    {
        var name = Encoding.UTF8.GetBytes(path + '\0');
        fixed (byte* pointer = name)
        {
            var handle = open(pointer, ReadWriteMade, OwnerOnly);
            return handle >= 0 ? new(handle, ownsHandle: true) : throw Failed("open", name);
        }
    }

    private static Microsoft.Win32.SafeHandles.SafeFileHandle OpenFolder(string path) =>
        Open(Encoding.UTF8.GetBytes(path + '\0'));

    private static IOException Failed(string call, ReadOnlySpan<byte> path) =>
        new($"{call} {Encoding.UTF8.GetString(path).TrimEnd('\0')}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", SetLastError = true)]
    private static partial int statx(int folder, byte* path, int flags, uint mask, Facts* facts);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint opendir(byte* path);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint readdir(nint folder);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int closedir(nint folder);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint readlink(byte* path, byte* room, nint size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint lgetxattr(byte* path, byte* name, byte* room, nint size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int open(byte* path, int flags);

    // Variadic in C; on the processors .NET has 64-bit Linux for, a third argument goes where it is looked for.
    [LibraryImport("libc", SetLastError = true)]
    private static partial int open(byte* path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(int handle, int operation);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int lchown(byte* path, uint user, uint group);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int utimensat(int folder, byte* path, long* times, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int link(byte* from, byte* to);

    /// <summary>Mounts read-only, without devices. 0, or the error's number.</summary>
    public static int MountReadOnly(string source, string target, string type)
    {
        const nuint readOnlyNoDevices = 5;
        fixed (
            byte* from = Encoding.UTF8.GetBytes(source + '\0'),
                to = Encoding.UTF8.GetBytes(target + '\0'),
                form = Encoding.UTF8.GetBytes(type + '\0')
        )
            return mount(from, to, form, readOnlyNoDevices, null) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Takes a mount away from whoever looks now; who is in it keeps it. False when there is none.</summary>
    public static bool Unmount(string target)
    {
        const int detach = 2;
        fixed (byte* at = Encoding.UTF8.GetBytes(target + '\0'))
            return umount2(at, detach) == 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mount(byte* source, byte* target, byte* type, nuint flags, byte* data);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int umount2(byte* target, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int syncfs(int handle);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(int handle);

    [LibraryImport("libc", SetLastError = true, EntryPoint = "kill")]
    public static partial int Signal(int process, int signal);

    [LibraryImport("libc", EntryPoint = "getegid")]
    public static partial uint EffectiveGroup();

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUser();
}
