using System.Diagnostics;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// A program whose whole family ends with it, with us, or when it is disposed, however many processes it has started.
/// It lives in a process namespace: its first process is a shell that waits for the program and for a pipe that we
/// hold, and when that shell ends the kernel ends all the rest.
/// (PDEATHSIG is no cure here: it follows the parent's thread, and a pool thread ends when it likes.)
/// </summary>
internal sealed class LifelineProcess : IAsyncDisposable
{
    private const string Watch = """
        exec 3<&0 </dev/null
        { read -r gone <&3; kill -KILL $WATCHED; } >/dev/null 2>&1 &
        watcher=$!
        "$@" 3<&- &
        wait $!
        code=$?
        kill -KILL $watcher
        exit $code
        """;

    private readonly Process process;
    private readonly Task errors;

    private LifelineProcess(Process process, Task errors) => (this.process, this.errors) = (process, errors);

    /// <summary>What the program prints.</summary>
    public Stream Output => process.StandardOutput.BaseStream;

    /// <summary>
    /// Starts a program as root of the range, with no network and no sight of this machine's processes. It is a
    /// stranger here, whoever started it.
    /// </summary>
    /// <param name="range">Whose root it is.</param>
    /// <param name="program">Program and arguments.</param>
    /// <param name="env">Its whole environment.</param>
    /// <param name="heard">Gets each line of its standard error, one at a time.</param>
    /// <param name="stop">Ends the starting.</param>
    /// <param name="within">
    /// A program that makes the place for it, in its namespaces, and then becomes the command that follows; nobody but the
    /// range is mapped there then. Null leaves it this machine's files.
    /// </param>
    public static async Task<LifelineProcess> StartAsync(
        IdRange range,
        IEnumerable<string> program,
        IReadOnlyDictionary<string, string> env,
        Action<string> heard,
        CancellationToken stop,
        string[]? within = null
    )
    {
        string[] contain =
        [
            "unshare",
            "--mount",
            "--pid",
            "--net",
            "--ipc",
            "--uts",
            "--fork",
            "--mount-proc",
            "--kill-child=KILL",
            "--",
        ];
        string[] watch = ["env", "WATCHED=-1", "sh", "-c", Watch, "lifeline"];
        string[] clean = ["env", "-i", .. env.Select(pair => $"{pair.Key}={pair.Value}")];
        string[] command = [.. contain, .. within ?? [], .. watch, .. clean, .. program];
        var process = await range.StartAsync(command, stop, withOwner: within is null);
        return new LifelineProcess(process, HearAsync(process.StandardError, heard));
    }

    /// <summary>Returns the exit code when the program is over and its last line was heard.</summary>
    public async Task<int> WaitAsync(CancellationToken stop)
    {
        await errors.WaitAsync(stop);
        await process.WaitForExitAsync(stop);
        return process.ExitCode;
    }

    /// <summary>Ends all of it, and returns when none of it is left.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.StandardInput.Close();
            if (Posix.EffectiveUser() == 0)
                process.Kill();
            else
                _ = Posix.Signal(-process.Id, 9);
        }
        // Every process of it holds the other end of this pipe: its end means that none lives.
        await errors;
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
    }

    private static async Task HearAsync(StreamReader reader, Action<string> heard)
    {
        while (await reader.ReadLineAsync(CancellationToken.None) is { } line)
            heard(line);
    }
}
