using System.ComponentModel;
using System.Diagnostics;

namespace TestGrid.Runner.Bundles.Exports;

/// <summary>A program that packs what it is given on its input, into its output or a file that it was told.</summary>
internal sealed class PackingProgram : IAsyncDisposable
{
    private readonly Process process;
    private readonly Task copying;
    private readonly Task<string> complaints;

    private PackingProgram(Process process, Stream? output)
    {
        this.process = process;
        complaints = process.StandardError.ReadToEndAsync(CancellationToken.None);
        copying = CopyAsync(process.StandardOutput.BaseStream, output ?? Stream.Null);
    }

    public Stream Input => process.StandardInput.BaseStream;

    /// <param name="words">Program and arguments.</param>
    /// <param name="file">A new file for what it prints; null for a program that writes its file itself.</param>
    /// <exception cref="BundleException">It is not installed; the message says how to.</exception>
    public static PackingProgram Start(string[] words, string? file) =>
        Start(words, () => file is null ? null : new FileStream(file, FileMode.CreateNew));

    /// <summary>The same for one that prints into another's input, which is closed when it has ended.</summary>
    public static PackingProgram StartInto(string[] words, Stream next) => Start(words, () => next);

    private static PackingProgram Start(string[] words, Func<Stream?> output)
    {
        var start = new ProcessStartInfo(words[0], words[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("SOURCE_DATE_EPOCH"); // beside a time of its own mksquashfs refuses it
        try
        {
            var process = Process.Start(start) ?? throw new BundleException($"{words[0]} did not start.");
            return new PackingProgram(process, output());
        }
        catch (Win32Exception e)
        {
            throw new BundleException($"{words[0]} is missing. Remedy: apt-get install {PackageOf(words[0])}", e);
        }
    }

    /// <summary>Returns when all is written.</summary>
    /// <exception cref="BundleException">It failed; the message is its own.</exception>
    public async Task FinishAsync(CancellationToken stop)
    {
        try
        {
            process.StandardInput.Close();
        }
        catch (ObjectDisposedException) { } // who fed it has closed it
        catch (IOException) { } // it has ended: it says why
        await copying.WaitAsync(stop);
        await process.WaitForExitAsync(stop);
        if (process.ExitCode != 0)
            throw new BundleException($"{process.StartInfo.FileName} failed: {(await complaints).Trim()}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
    }

    /// <summary>The Debian package of a program that exports use.</summary>
    public static string PackageOf(string program) =>
        program switch
        {
            "mksquashfs" => "squashfs-tools",
            "mkfs.erofs" => "erofs-utils",
            _ => program,
        };

    // Nobody reads any more when the disk is full: the program would wait for us, and who feeds it for the program.
    private async Task CopyAsync(Stream from, Stream to)
    {
        try
        {
            await using (to)
                await from.CopyToAsync(to, CancellationToken.None);
        }
        catch (IOException)
        {
            process.Kill();
            throw;
        }
    }
}
