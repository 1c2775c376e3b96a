using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using TestGrid.Core.Jobs;

namespace TestGrid.Runner.Reporting.Http;

/// <summary>
/// All that one attempt has told, on this machine's disk until its end is known to the server: the log as it is, byte at
/// its offset, and the other events a line each. So a server that is away, or came back from a backup with less, can be
/// told again from wherever it ends; and so can one that was away when this runner was killed.
/// </summary>
internal sealed class Spool : IDisposable
{
    private const string EventsFile = "events";
    private const string LeaseFile = "lease";

    private readonly string folder;
    private readonly SafeFileHandle log;
    private readonly FileStream events;

    private Spool(string folder, JobLease lease)
    {
        (this.folder, Lease) = (folder, lease);
        log = File.OpenHandle(Path.Combine(folder, "log"), FileMode.OpenOrCreate, FileAccess.ReadWrite);
        Length = RandomAccess.GetLength(log);
        events = new FileStream(Path.Combine(folder, EventsFile), FileMode.Append, FileAccess.Write, FileShare.Read);
    }

    public JobLease Lease { get; }

    /// <summary>Bytes of the log so far.</summary>
    public long Length { get; private set; }

    /// <summary>One for a new attempt.</summary>
    public static Spool Open(string root, JobLease lease)
    {
        // The token is part of the name, or a forged lease would write into the log of the true one.
        var token = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lease.Token)).AsSpan(0, 8));
        var folder = Path.Combine(root, $"{lease.Job}-{lease.Attempt}-{token}");
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(folder, ownerOnly); // logs, and the right to go on with them
        File.WriteAllBytes(
            Path.Combine(folder, LeaseFile),
            JsonSerializer.SerializeToUtf8Bytes(lease, ReportJson.Default.JobLease)
        );
        return new Spool(folder, lease);
    }

    /// <summary>Those that an earlier life of this runner left, each with the events it had told.</summary>
    public static IEnumerable<(Spool Spool, List<JobEvent> Events)> Left(string root)
    {
        if (!Directory.Exists(root))
            yield break;
        foreach (var folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            if (Read(folder) is var (lease, told))
                yield return (new Spool(folder, lease), told);
            else
                Directory.Delete(folder, recursive: true); // killed before it was whole: nothing was told with it
        }
    }

    /// <summary>Keeps output at its offset.</summary>
    /// <returns>False when it begins beyond the end of what is here.</returns>
    public bool Write(long offset, ReadOnlySpan<byte> bytes)
    {
        if (offset > Length || offset < 0)
            return false;
        RandomAccess.Write(log, bytes, offset);
        Length = Math.Max(Length, offset + bytes.Length);
        return true;
    }

    /// <summary>Reads from an offset; the count that was there.</summary>
    public int Read(long offset, Span<byte> into) => RandomAccess.Read(log, into, offset);

    /// <summary>Keeps an event that is no output. A verdict is on the disk when this returns.</summary>
    public void Write(JobEvent happened)
    {
        events.Write(JsonSerializer.SerializeToUtf8Bytes(CarriedEvent.Of(happened), ReportJson.Default.CarriedEvent));
        events.WriteByte((byte)'\n');
        events.Flush(flushToDisk: happened is JobFinished);
        if (happened is JobFinished)
            RandomAccess.FlushToDisk(log);
    }

    /// <summary>The server knows how it ended, or does not want to: nothing of it is needed any more.</summary>
    public void Remove()
    {
        Dispose();
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    public void Dispose()
    {
        log.Dispose();
        events.Dispose();
    }

    private static (JobLease, List<JobEvent>)? Read(string folder)
    {
        try
        {
            var lease = JsonSerializer.Deserialize(
                File.ReadAllBytes(Path.Combine(folder, LeaseFile)),
                ReportJson.Default.JobLease
            );
            var told = new List<JobEvent>();
            foreach (var line in File.ReadLines(Path.Combine(folder, EventsFile)))
            {
                if (EventIn(line) is not { } happened)
                    break; // its writing was cut off
                told.Add(happened);
            }
            return lease is null ? null : (lease, told);
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return null;
        }
    }

    private static JobEvent? EventIn(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, ReportJson.Default.CarriedEvent)?.Event;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
