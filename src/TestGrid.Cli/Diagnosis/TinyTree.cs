using System.Diagnostics;
using System.Text.RegularExpressions;

namespace TestGrid.Cli.Diagnosis;

/// <summary>
/// The smallest tree that a sandbox can be made from, where there is no bundle yet: this machine's own <c>sh</c> and
/// <c>true</c>, with the libraries they name.
/// </summary>
internal static partial class TinyTree
{
    private static readonly string[] Programs = ["/bin/sh", "/bin/true"];

    // A sandbox makes what is missing, but its root may not in a tree that is root's out here.
    private static readonly string[] Folders = ["bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "usr"];

    /// <summary>Makes it in a new folder; returns the folder.</summary>
    public static async Task<string> MakeAsync(string folder, CancellationToken stop)
    {
        foreach (var name in Folders)
            Directory.CreateDirectory(Path.Combine(folder, name));
        foreach (
            var (name, text) in (ReadOnlySpan<(string, string)>)
                [
                    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
                    ("etc/group", "root:x:0:\n"),
                    ("etc/hosts", ""),
                    ("etc/hostname", ""),
                    ("etc/resolv.conf", ""),
                ]
        )
            File.WriteAllText(Path.Combine(folder, name), text);
        foreach (var program in Programs)
        {
            Copy(program, folder);
            foreach (var library in await LibrariesAsync(program, stop))
                Copy(library, folder);
        }
        return folder;
    }

    private static void Copy(string file, string folder)
    {
        var target = Path.Combine(folder, file.TrimStart('/'));
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        File.Copy(file, target, overwrite: true);
    }

    private static async Task<IEnumerable<string>> LibrariesAsync(string program, CancellationToken stop)
    {
        using var ldd = Process.Start(new ProcessStartInfo("ldd", [program]) { RedirectStandardOutput = true })!;
        var said = await ldd.StandardOutput.ReadToEndAsync(stop);
        await ldd.WaitForExitAsync(stop);
        return Library.Matches(said).Select(match => match.Groups[1].Value).Where(File.Exists);
    }

    // "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)", "/lib64/ld-linux-x86-64.so.2 (0x…)"
    [GeneratedRegex(@"(/\S+) \(0x", RegexOptions.Multiline)]
    private static partial Regex Library { get; }
}
