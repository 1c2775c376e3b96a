using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using TestGrid.Core.Jobs;

namespace TestGrid.Core.Orders;

/// <summary>A phase that ended, and the command that decided how.</summary>
/// <param name="Phase">Travis's name, or <c>apt</c>, <c>export</c>, <c>setup</c>, <c>announce</c>.</param>
/// <param name="ExitCode">0, or that of the first command that failed.</param>
/// <param name="Took">Wall time.</param>
/// <param name="LogOffset">Where its output starts in the log, in bytes.</param>
/// <param name="Command">
/// The first command that failed, cut to 200 characters; empty when none did. Untrusted text.
/// </param>
public sealed record PhaseEnd(string Phase, int ExitCode, TimeSpan Took, long LogOffset, string Command)
{
    public PhaseFinished ToEvent() => new(Phase, ExitCode, Took, LogOffset);
}

/// <summary>A command that ended.</summary>
/// <param name="Phase">The phase that it ran in; empty outside one.</param>
/// <param name="Command">As the log shows it, cut to 200 characters. Untrusted text.</param>
/// <param name="ExitCode">Its own.</param>
/// <param name="Took">Wall time.</param>
/// <param name="Processor">Of the shell and of all that it waited for, to a hundredth of a second.</param>
/// <param name="Timer">The name of its <c>travis_time</c> marks in the log; empty without them.</param>
public sealed record CommandEnd(
    string Phase,
    string Command,
    int ExitCode,
    TimeSpan Took,
    TimeSpan Processor,
    string Timer
);

/// <summary>
/// Takes the script's phase marks out of a job's output, whatever the borders of its chunks, so that they stand in no
/// log.
/// Put it behind the redactor: then its offsets are the log's, and no secret leaves in a mark. Not thread-safe.
/// </summary>
/// <remarks>
/// A mark is <c>ESC ] testgrid;KEY;… BEL</c>: a terminal shows nothing of it. The key is made for one attempt, is
/// given in the
/// environment as <see cref="KeyVariable"/> and nowhere else, and the script takes it out of the environment before
/// the first
/// command. So a printed log or a file of the repository cannot be taken for a mark. A job that wants to can still
/// lie, because
/// its commands run in the very shell that writes the marks; it gains nothing: marks give the times and names of its
/// own
/// phases, and the verdict is the exit code of that shell, which is the job's to choose anyway.
/// </remarks>
public sealed class PhaseMarks
{
    /// <summary>The variable that gives the script its key.</summary>
    public const string KeyVariable = "TESTGRID_MARK_KEY";

    /// <summary>Of so many commands of one attempt is told; of more, the job's own use says enough.</summary>
    public const int CommandsMost = 500;

    // More than a mark of 200 four-byte characters. What is longer is output.
    private const int Longest = 1200;
    private const byte Bell = 7;

    private readonly byte[] prefix;
    private byte[] held = [];
    private long written;
    private long phaseOffset;
    private int commands;

    /// <param name="key">From <see cref="NewKey"/>; one for each attempt.</param>
    public PhaseMarks(string key) => prefix = Encoding.ASCII.GetBytes($"\u001b]testgrid;{key};");

    /// <summary>The phase that began and has not ended: where the job is now, or died.</summary>
    public string? Current { get; private set; }

    /// <summary>The first phase that failed and decides the result: not an <c>after_…</c> one.</summary>
    public PhaseEnd? FirstFailure { get; private set; }

    /// <summary>The commands that ended and that nobody took out of here yet, at most <see cref="CommandsMost"/> in all.</summary>
    public Queue<CommandEnd> Commands { get; } = [];

    /// <summary>A new key: 32 hexadecimal digits that nobody can guess.</summary>
    public static string NewKey() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <summary>
    /// Takes a chunk of output in: what is log goes to <paramref name="log"/>, phases that ended to <paramref
    /// name="ended"/>.
    /// </summary>
    public void Take(ReadOnlySpan<byte> chunk, IBufferWriter<byte> log, ICollection<PhaseEnd> ended)
    {
        if (held.Length > 0)
        {
            byte[] joined = [.. held, .. chunk];
            held = [];
            Pass(joined, log, ended);
        }
        else
        {
            Pass(chunk, log, ended);
        }
    }

    /// <summary>The output is over: half a mark that was held back is output.</summary>
    public void Complete(IBufferWriter<byte> log)
    {
        Write(held, log);
        held = [];
    }

    private void Pass(ReadOnlySpan<byte> bytes, IBufferWriter<byte> log, ICollection<PhaseEnd> ended)
    {
        while (true)
        {
            var at = bytes.IndexOf(prefix);
            if (at < 0)
            {
                var keep = PartialPrefix(bytes);
                Write(bytes[..^keep], log);
                held = bytes[^keep..].ToArray();
                return;
            }

            Write(bytes[..at], log);
            bytes = bytes[at..];
            var end = bytes[..Math.Min(bytes.Length, Longest)].IndexOf(Bell);
            if (end < 0 && bytes.Length < Longest)
            {
                held = bytes.ToArray();
                return;
            }

            if (end < 0)
            {
                Write(bytes[..prefix.Length], log);
                bytes = bytes[prefix.Length..];
                continue;
            }

            Mark(bytes[prefix.Length..end], ended);
            bytes = bytes[(end + 1)..];
        }
    }

    /// <summary>How many bytes at the end may be the beginning of a mark.</summary>
    private int PartialPrefix(ReadOnlySpan<byte> bytes)
    {
        for (var length = Math.Min(prefix.Length - 1, bytes.Length); length > 0; length--)
        {
            if (bytes[^length..].SequenceEqual(prefix.AsSpan(0, length)))
                return length;
        }

        return 0;
    }

    private void Write(ReadOnlySpan<byte> bytes, IBufferWriter<byte> log)
    {
        if (bytes.IsEmpty)
            return;
        log.Write(bytes);
        written += bytes.Length;
    }

    private void Mark(ReadOnlySpan<byte> body, ICollection<PhaseEnd> ended)
    {
        var text = Encoding.UTF8.GetString(body);
        if (text.StartsWith("command;", StringComparison.Ordinal))
        {
            OfCommand(text.Split(';', 6));
            return;
        }
        var fields = text.Split(';', 5);
        switch (fields)
        {
            case ["begin", var phase]:
                Current = phase;
                phaseOffset = written;
                break;
            case ["end", var phase, var code, var nanoseconds, var command]
                when int.TryParse(code, out var exit) && long.TryParse(nanoseconds, out var took):
                var end = new PhaseEnd(phase, exit, TimeSpan.FromTicks(Math.Max(0, took) / 100), phaseOffset, command);
                Current = null;
                if (exit != 0 && FirstFailure is null && !JobScript.IsAfterwards(phase))
                    FirstFailure = end;
                ended.Add(end);
                break;
        }
    }

    private void OfCommand(string[] fields)
    {
        if (
            fields is not ["command", { Length: <= 40 } timer, var code, var nanoseconds, var ticks, var command]
            || !int.TryParse(code, out var exit)
            || !long.TryParse(nanoseconds, out var took)
            || !long.TryParse(ticks, out var hundredths)
            || ++commands > CommandsMost
        )
            return;
        Commands.Enqueue(
            new CommandEnd(
                Current ?? "",
                command,
                exit,
                TimeSpan.FromTicks(Math.Max(0, took) / 100),
                TimeSpan.FromTicks(Math.Clamp(hundredths, 0, int.MaxValue) * (TimeSpan.TicksPerSecond / 100)),
                timer
            )
        );
    }
}
