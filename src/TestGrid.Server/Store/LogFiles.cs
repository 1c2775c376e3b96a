using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;
using TestGrid.Core.Jobs;

namespace TestGrid.Server.Store;

/// <summary>
/// The bytes of every attempt's log, one file each: <c>logs/42/3-1.log</c>. Whoever writes names the offset, so that
/// saying it twice does no harm; whoever reads names it too, so that a broken stream goes on where it broke.
/// </summary>
public sealed class LogFiles(string folder) : IDisposable
{
    /// <summary>The most that one read gives, and one message to a browser carries.</summary>
    public const int ChunkBytes = 64 << 10;

    /// <summary>No log grows beyond this, whatever its runner says.</summary>
    public const long BytesMax = 4L << 30;

    private readonly ConcurrentDictionary<(JobId Job, int Attempt), Writing> open = new();

    /// <summary>
    /// Appends what is not there yet. When <paramref name="offset"/> is beyond the end, or the log would grow beyond
    /// <see cref="BytesMax"/>, nothing is written.
    /// </summary>
    /// <returns>True when all of the bytes are in the file now.</returns>
    public bool Append(JobId job, int attempt, long offset, ReadOnlySpan<byte> bytes)
    {
        while (true)
        {
            var log = Opened(job, attempt);
            lock (log)
            {
                if (log.File.IsClosed)
                    continue; // finished between the two lines above: open it again, its bytes are an attempt's own
                return Append(log, offset, bytes);
            }
        }
    }

    /// <summary>Nothing more comes: what was written is on the disk when this returns.</summary>
    public void Finish(JobId job, int attempt)
    {
        if (!open.TryRemove((job, attempt), out var log))
            return;
        lock (log)
        {
            RandomAccess.FlushToDisk(log.File);
            log.File.Dispose();
        }
    }

    /// <summary>How many bytes there are; 0 when there is no file.</summary>
    public long Length(JobId job, int attempt)
    {
        if (open.TryGetValue((job, attempt), out var log))
            return Volatile.Read(ref log.Length);
        var file = new FileInfo(PathOf(job, attempt));
        return file.Exists ? file.Length : 0;
    }

    /// <summary>What is there from an offset on, at most <see cref="ChunkBytes"/> at a time; ends at the end of the file.</summary>
    public async IAsyncEnumerable<LogChunk> ReadAsync(
        JobId job,
        int attempt,
        long from,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        if (Length(job, attempt) <= from || TryOpen(PathOf(job, attempt)) is not { } file)
            yield break;
        using (file)
        {
            while (true)
            {
                var room = Math.Clamp(RandomAccess.GetLength(file) - from, 0, ChunkBytes);
                if (room == 0)
                    yield break;
                var bytes = new byte[room];
                var read = await RandomAccess.ReadAsync(file, bytes, from, stop);
                if (read == 0)
                    yield break;
                yield return new LogChunk(from, read == bytes.Length ? bytes : bytes[..read]);
                from += read;
            }
        }
    }

    /// <summary>Removes the logs of a build.</summary>
    public void Delete(long build)
    {
        var path = FolderOf(build);
        if (Directory.Exists(path))
            Directory.Delete(path, recursive: true);
    }

    /// <summary>How many bytes all logs of a build take.</summary>
    public long Bytes(long build)
    {
        var path = new DirectoryInfo(FolderOf(build));
        return path.Exists ? path.EnumerateFiles().Sum(file => file.Length) : 0;
    }

    /// <summary>How many bytes all logs take, whosever they are.</summary>
    public long AllBytes()
    {
        var path = new DirectoryInfo(folder);
        return path.Exists ? path.EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length) : 0;
    }

    public void Dispose()
    {
        foreach (var (job, attempt) in open.Keys)
            Finish(job, attempt);
    }

    private static bool Append(Writing log, long offset, ReadOnlySpan<byte> bytes)
    {
        if (offset < 0 || offset > log.Length || offset + bytes.Length > BytesMax)
            return false;
        var known = log.Length - offset;
        if (known >= bytes.Length)
            return true;
        RandomAccess.Write(log.File, bytes[(int)known..], log.Length);
        log.Length = offset + bytes.Length;
        return true;
    }

    private Writing Opened(JobId job, int attempt)
    {
        while (true)
        {
            if (open.TryGetValue((job, attempt), out var known))
                return known;
            Directory.CreateDirectory(FolderOf(job.Build));
            var file = File.OpenHandle(
                PathOf(job, attempt),
                FileMode.OpenOrCreate,
                FileAccess.Write,
                FileShare.ReadWrite | FileShare.Delete
            );
            var log = new Writing(file) { Length = RandomAccess.GetLength(file) };
            if (open.TryAdd((job, attempt), log))
                return log;
            file.Dispose(); // another thread was quicker
        }
    }

    private static SafeFileHandle? TryOpen(string path)
    {
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (IOException) when (!File.Exists(path))
        {
            return null; // cleaned away meanwhile
        }
    }

    private string FolderOf(long build) => Path.Combine(folder, build.ToString(CultureInfo.InvariantCulture));

    private string PathOf(JobId job, int attempt) =>
        Path.Combine(FolderOf(job.Build), string.Create(CultureInfo.InvariantCulture, $"{job.Cell}-{attempt}.log"));

    private sealed class Writing(SafeFileHandle file)
    {
        public long Length;

        public SafeFileHandle File { get; } = file;
    }
}

/// <summary>Bytes of a log, and where they start in it.</summary>
public sealed record LogChunk(long Offset, byte[] Bytes)
{
    /// <summary>Where the next one starts.</summary>
    internal long End => Offset + Bytes.Length;
}
