using System.Runtime.InteropServices;
using System.Threading.Channels;
using Microsoft.Win32.SafeHandles;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Cli.Terminals;

/// <summary>
/// The terminal that this program was called at, given to a shell elsewhere: each key goes there as it is, Ctrl-C too,
/// and the window's size follows. Disposing gives it back as it was.
/// </summary>
internal sealed unsafe partial class LocalTerminal : IDisposable
{
    private const int Input = 0;
    private const int Output = 1;
    private const int Now = 0; // TCSANOW
    private const nuint GetWindowSize = 0x5413; // TIOCGWINSZ
    private const int SettingsBytes = 256; // struct termios has 60 on Linux

    // A sender that nobody listens to waits: what is typed is not lost, and fills no memory.
    private readonly Channel<Stroke> strokes = Channel.CreateBounded<Stroke>(64);
    private readonly byte[] before = new byte[SettingsBytes];
    private readonly PosixSignalRegistration resized;

    private LocalTerminal()
    {
        fixed (byte* settings = before)
            _ = GetSettings(Input, settings);
        var raw = (byte[])before.Clone();
        fixed (byte* settings = raw)
        {
            MakeRaw(settings);
            _ = SetSettings(Input, Now, settings);
        }
        resized = PosixSignalRegistration.Create(
            PosixSignal.SIGWINCH,
            _ => strokes.Writer.TryWrite(new Stroke(default, Size))
        );
        // A read from a terminal cannot be taken back: the thread ends with the program.
        new Thread(Read) { IsBackground = true }.Start();
    }

    /// <summary>Whether a person sits here: both input and output are a terminal.</summary>
    public static bool IsHere => !Console.IsInputRedirected && !Console.IsOutputRedirected;

    /// <summary>What the person does; ends when the terminal does.</summary>
    public ChannelReader<Stroke> Strokes => strokes.Reader;

    /// <summary>The window's size now.</summary>
    public static TerminalSize Size
    {
        get
        {
            var window = stackalloc ushort[4];
            return Ioctl(Output, GetWindowSize, window) == 0 && window[0] > 0 && window[1] > 0
                ? new TerminalSize(window[1], window[0]).Usable
                : TerminalSize.OfJobs;
        }
    }

    /// <summary>Takes the terminal. Only one at a time.</summary>
    public static LocalTerminal Take() => new();

    public void Dispose()
    {
        resized.Dispose();
        fixed (byte* settings = before)
            _ = SetSettings(Input, Now, settings);
    }

    private void Read()
    {
        using var keys = new FileStream(new SafeFileHandle(Input, ownsHandle: false), FileAccess.Read, bufferSize: 0);
        var buffer = new byte[4096];
        try
        {
            while (keys.Read(buffer) is var read and > 0)
                strokes.Writer.WriteAsync(new Stroke(buffer.AsMemory(0, read).ToArray())).AsTask().Wait();
        }
        catch (IOException) { } // the window was closed
        strokes.Writer.TryComplete();
    }

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetSettings(int file, byte* settings);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetSettings(int file, int when, byte* settings);

    [LibraryImport("libc", EntryPoint = "cfmakeraw")]
    private static partial void MakeRaw(byte* settings);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Ioctl(int file, nuint request, void* argument);
}
