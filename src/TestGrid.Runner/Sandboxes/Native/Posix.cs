using System.ComponentModel;
using System.Runtime.InteropServices;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>The few calls of the C library that .NET does not have. 64-bit Linux.</summary>
internal static unsafe partial class Posix
{
    public const int Sighup = 1;
    public const int Sigterm = 15;
    public const int Sigkill = 9;

    private const int AtFdcwd = -100;
    private const int AtSymlinkNofollow = 0x100;
    private const uint StatxBasic = 0x7ff;
    private const int OPath = 0x200000;
    private const int OCloexec = 0x80000;
    private const nuint SetWindowSize = 0x5414; // TIOCSWINSZ
    private const int MsgCmsgCloexec = 0x40000000;
    private const int Eintr = 4;
    private const short PollIn = 1;

    /// <summary>Who owns a file and what it is, without following a link at its end; null when there is none.</summary>
    public static FileFacts? Look(string path)
    {
        // struct statx: the same on every architecture, unlike struct stat. 256 bytes.
        var buffer = stackalloc byte[256];
        if (Statx(AtFdcwd, path, AtSymlinkNofollow, StatxBasic, buffer) != 0)
            return null;
        return new FileFacts(Uid: *(uint*)(buffer + 20), Gid: *(uint*)(buffer + 24), Mode: *(ushort*)(buffer + 28));
    }

    /// <summary>How full the file system is that a path lies on; null when it cannot be asked.</summary>
    public static (long UsedBytes, long FreeBytes, long FreeFiles)? LookAtSpace(string path)
    {
        // struct statvfs on 64-bit Linux: block size, fragment size, blocks, free, available, files, free files …
        var buffer = stackalloc ulong[32];
        if (Statvfs(path, buffer) != 0)
            return null;
        var size = (long)buffer[1];
        return ((long)(buffer[2] - buffer[3]) * size, (long)buffer[4] * size, (long)buffer[6]);
    }

    public static uint UserId => Geteuid();

    public static void Kill(int process, int signal) => _ = KillProcess(process, signal);

    /// <summary>A folder to be named as <c>/proc/self/fd/N</c>: socket addresses hold 107 bytes only.</summary>
    public static int OpenFolder(string path)
    {
        var fd = Open(path, OPath | OCloexec);
        return fd >= 0 ? fd : throw new Win32Exception(Marshal.GetLastPInvokeError(), $"open {path}");
    }

    public static void CloseFile(int fd) => _ = Close(fd);

    /// <summary>Tells a terminal, by its master side, how large its window is; who runs in it gets SIGWINCH.</summary>
    public static void Resize(SafeHandle terminal, TerminalSize size)
    {
        var window = stackalloc ushort[4];
        (window[0], window[1]) = ((ushort)size.Rows, (ushort)size.Columns);
        _ = Ioctl(terminal, SetWindowSize, window);
    }

    /// <summary>Receives one file descriptor over a Unix socket; -1 when none came within <paramref name="milliseconds"/>.</summary>
    public static int ReceiveFile(int socket, int milliseconds)
    {
        // The runtime's own signals (a child ended, a collection begins) interrupt it.
        var waiting = new PollFd { Fd = socket, Events = PollIn };
        int ready;
        do ready = Poll(&waiting, 1, milliseconds);
        while (ready < 0 && Marshal.GetLastPInvokeError() == Eintr);
        if (ready <= 0)
            return -1;

        var text = stackalloc byte[4096];
        var control = stackalloc ulong[8];
        var part = new IoVector { Base = (nint)text, Length = 4096 };
        var message = new MessageHeader
        {
            Parts = (nint)(&part),
            PartCount = 1,
            Control = (nint)control,
            ControlLength = 64,
        };
        nint received;
        do received = ReceiveMessage(socket, &message, MsgCmsgCloexec);
        while (received < 0 && Marshal.GetLastPInvokeError() == Eintr);
        if (received < 0)
            return -1;

        // struct cmsghdr: size_t length, int level (SOL_SOCKET = 1), int type (SCM_RIGHTS = 1), then the descriptor.
        var header = (int*)control;
        return message.ControlLength >= 20 && header[2] == 1 && header[3] == 1 ? header[4] : -1;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Statx(int folder, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "statvfs", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Statvfs(string path, ulong* buffer);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint Geteuid();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int KillProcess(int process, int signal);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(SafeHandle file, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollFd* fds, ulong count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint ReceiveMessage(int socket, MessageHeader* message, int flags);

    /// <param name="Uid">The owner's id outside.</param>
    /// <param name="Gid">The group's id outside.</param>
    /// <param name="Mode">Type and permissions, as <c>st_mode</c>.</param>
    internal readonly record struct FileFacts(uint Uid, uint Gid, ushort Mode)
    {
        public bool IsFolder => (Mode & 0xF000) == 0x4000;

        public bool IsFile => (Mode & 0xF000) == 0x8000;
    }

    private struct PollFd
    {
        public int Fd;
        public short Events;
        public short Happened;
    }

    private struct IoVector
    {
        public nint Base;
        public nint Length;
    }

    private struct MessageHeader
    {
        public nint Name;
        public uint NameLength;
        public nint Parts;
        public nint PartCount;
        public nint Control;
        public nint ControlLength;
        public int Flags;
    }
}
