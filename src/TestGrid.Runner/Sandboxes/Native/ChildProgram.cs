using System.ComponentModel;
using System.Diagnostics;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// Starts the system's helper programs: with nothing in their environment but PATH, so that no secret of the runner's
/// can be read in <c>/proc/PID/environ</c>, and with three pipes, so that no terminal or file of ours is inherited.
/// </summary>
internal static class ChildProgram
{
    private const string SystemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    // Joins control groups, then becomes the program: what it starts is counted from its first instruction on.
    private const string JoinScript =
        "n=$1; shift; while [ \"$n\" -gt 0 ]; do echo 0 >\"$1\" || exit 125; shift; n=$((n-1)); done; exec \"$@\"";

    /// <param name="argv">Program and arguments. The program is looked for on the system's path.</param>
    /// <param name="joins">Files of control groups to write itself into first.</param>
    /// <exception cref="SandboxException">The program is not installed.</exception>
    public static Process Start(IReadOnlyCollection<string> joins, params IEnumerable<string> argv) =>
        joins.Count == 0
            ? Spawn([.. argv])
            : Spawn(["sh", "-c", JoinScript, "sh", $"{joins.Count}", .. joins, .. argv]);

    /// <summary>
    /// As <see cref="Start"/>, for a program whose standard streams others shall be able to open by name, such as
    /// <c>/dev/stdout</c>: a pipe belongs to who made it, and the job is a stranger to us.
    /// </summary>
    public static Process StartForStrangers(IReadOnlyCollection<string> joins, params IEnumerable<string> argv)
    {
        // It waits for a line, so that it does not open them before we have.
        var process = Spawn(["sh", "-c", "read go; " + JoinScript, "sh", $"{joins.Count}", .. joins, .. argv]);
        foreach (var stream in (ReadOnlySpan<int>)[0, 1])
            File.SetUnixFileMode($"/proc/{process.Id}/fd/{stream}", Modes.All);
        process.StandardInput.Write('\n');
        process.StandardInput.Flush();
        return process;
    }

    /// <summary>Runs it to its end and gives its exit code and what it said.</summary>
    public static async Task<(int ExitCode, string Said)> RunAsync(IEnumerable<string> argv, CancellationToken stop)
    {
        using var process = Start([], argv);
        process.StandardInput.Close();
        var said = process.StandardOutput.ReadToEndAsync(stop);
        var complained = process.StandardError.ReadToEndAsync(stop);
        await process.WaitForExitAsync(stop);
        return (process.ExitCode, (await said + await complained).Trim());
    }

    /// <summary>The program's path, or null when it is not installed.</summary>
    public static string? Search(string program) =>
        program.Contains('/')
            ? File.Exists(program)
                ? program
                : null
            : SystemPath.Split(':').Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>The program's path.</summary>
    /// <exception cref="SandboxException">It is not installed; the message says how to.</exception>
    public static string Find(string program) =>
        Search(program)
        ?? throw new SandboxException(
            $"The program {program} is missing. Install it: apt-get install {PackageOf(program)}"
        );

    /// <summary>The Debian package that holds a program we use.</summary>
    public static string PackageOf(string program) =>
        program switch
        {
            "unshare" or "nsenter" => "util-linux",
            "newuidmap" or "newgidmap" => "uidmap",
            "nft" => "nftables",
            _ => program,
        };

    private static Process Spawn(List<string> words)
    {
        var start = new ProcessStartInfo(Find(words[0]), words.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        start.Environment.Clear();
        start.Environment["PATH"] = SystemPath;
        try
        {
            return Process.Start(start) ?? throw new SandboxException($"{words[0]} did not start.");
        }
        catch (Win32Exception e) // too many processes, or no memory for one more
        {
            throw new SandboxException($"{start.FileName} cannot be started: {e.Message}.", e);
        }
    }
}
