using TestGrid.Core.Jobs;
using TestGrid.Runner.Link;

namespace TestGrid.Runner.Reporting.Http;

/// <summary>
/// Tells one attempt's story to the server, in order, through its spool. While the server answers, each telling returns
/// with its wish; while it is away, it returns when it is on this disk, and one loop in the background tells the rest.
/// </summary>
internal sealed class Telling(ServerLink link, SpoolOptions options, Spool spool) : IDisposable
{
    private const int ChunkBytes = 512 << 10;

    private readonly Lock gate = new();
    private readonly SemaphoreSlim sender = new(1); // one call at a time, so that they arrive in order
    private readonly Queue<JobEvent> events = new(); // told already, to us
    private long known; // where the server's log ends, as far as it said
    private bool sizeIsKnown = true;
    private volatile JobWish wish = JobWish.CarryOn;
    private bool over;
    private Task? catchingUp;
    private TaskCompletionSource room = Fresh();

    /// <summary>What the server wished last.</summary>
    public JobWish Wish => wish;

    /// <summary>Takes up what an earlier life of this runner had told, and the server perhaps has not heard.</summary>
    public void Resume(IEnumerable<JobEvent> told)
    {
        foreach (var happened in told)
            events.Enqueue(happened);
        sizeIsKnown = false;
    }

    public async ValueTask<JobWish> TellAsync(JobEvent happened, CancellationToken stop)
    {
        if (Keep(happened) is { } answer)
            return answer;
        if (happened is JobFinished)
            return await EndAsync(stop);
        if (IsCatchingUp)
        {
            await WaitForRoomAsync(stop);
            return wish;
        }
        try
        {
            await SendAllAsync(stop);
        }
        catch (ServerAwayException)
        {
            CatchUpLater();
        }
        return wish;
    }

    /// <summary>Tells all that is kept, once. For leftovers, and before a lease is given back.</summary>
    /// <exception cref="ServerAwayException">It could not.</exception>
    public async ValueTask<JobWish> FlushAsync(CancellationToken stop)
    {
        await SendAllAsync(stop);
        return wish;
    }

    /// <summary>Hears what the server answered, here or to a heartbeat.</summary>
    public void Hear(JobWish said)
    {
        lock (gate)
        {
            if (said > wish)
                wish = said; // of two answers that crossed, the graver is the newer
        }
        if (said is JobWish.Fenced)
            End();
    }

    /// <summary>Nothing more is told, and nothing of it is kept.</summary>
    public void End()
    {
        lock (gate)
        {
            if (over)
                return;
            over = true;
            events.Clear();
            spool.Remove();
        }
        MakeRoom();
    }

    /// <summary>Lets go of the files; what is not told is there for the next life.</summary>
    public void Dispose()
    {
        spool.Dispose();
        sender.Dispose();
    }

    private bool IsCatchingUp
    {
        get
        {
            lock (gate)
                return catchingUp is not null;
        }
    }

    // The answer, when there is nothing to tell.
    private JobWish? Keep(JobEvent happened)
    {
        lock (gate)
        {
            if (over)
                return wish is JobWish.Fenced ? wish : null;
            if (happened is not OutputWritten(var offset, var bytes))
            {
                spool.Write(happened);
                events.Enqueue(happened);
                return null;
            }
            if (spool.Write(offset, bytes.Span))
                return null;
            throw new ReportGapException(
                $"Output of job {spool.Lease.Job} at {offset} does not follow its {spool.Length} bytes."
            );
        }
    }

    private async ValueTask<JobWish> EndAsync(CancellationToken stop)
    {
        var failures = 0;
        while (true)
        {
            try
            {
                await SendAllAsync(stop);
                End();
                return wish;
            }
            catch (ServerAwayException)
            {
                await link.PauseAsync(failures++, stop);
            }
        }
    }

    private void CatchUpLater()
    {
        lock (gate)
        {
            if (!over)
                catchingUp ??= CatchUpAsync();
        }
    }

    // Ends when all is told, or the attempt is over; a runner that stops leaves the rest to its next life.
    private async Task CatchUpAsync()
    {
        await Task.Yield();
        var failures = 0;
        while (true)
        {
            try
            {
                await link.PauseAsync(failures++, CancellationToken.None);
                await SendAllAsync(CancellationToken.None);
                lock (gate)
                {
                    if (!over && HasMore)
                        continue; // told to us after the last look, and before this lock
                    catchingUp = null;
                }
                MakeRoom();
                return;
            }
            catch (ServerAwayException) { }
            catch (ObjectDisposedException)
            {
                return; // the program ends
            }
        }
    }

    private bool HasMore => events.Count > 0 || known < spool.Length || !sizeIsKnown;

    private async ValueTask WaitForRoomAsync(CancellationToken stop)
    {
        while (true)
        {
            Task made;
            lock (gate)
            {
                if (over || catchingUp is null || spool.Length - known <= options.BytesMax)
                    return;
                made = room.Task;
            }
            await made.WaitAsync(stop);
        }
    }

    private async ValueTask SendAllAsync(CancellationToken stop)
    {
        await sender.WaitAsync(stop);
        try
        {
            byte[] chunk = [];
            while (true)
            {
                JobEvent? next;
                var (from, count) = (0L, 0);
                lock (gate)
                {
                    if (over || !HasMore)
                        return;
                    // The log before a verdict: with that the attempt is over, and nothing more is kept.
                    var log = known < spool.Length || !sizeIsKnown;
                    next = events.TryPeek(out var first) && (first is not JobFinished || !log) ? first : null;
                    if (next is null)
                    {
                        var size = (int)Math.Min(ChunkBytes, spool.Length - known);
                        if (chunk.Length < size)
                            chunk = new byte[size];
                        from = sizeIsKnown ? known : 0;
                        count = sizeIsKnown ? spool.Read(from, chunk.AsSpan(0, size)) : 0;
                    }
                }
                var reply = next is null
                    ? await SendOutputAsync(from, chunk.AsMemory(0, count), stop)
                    : await SendEventAsync(next, stop);
                if (count > 0 && reply.End == from && reply.Wish is not JobWish.Fenced)
                    throw new ServerRefusedException(507, "its log takes nothing more"); // or we would ask for ever
                Heard(next, reply);
            }
        }
        catch (ServerRefusedException)
        {
            Hear(JobWish.Fenced); // it will say no to the rest, too
        }
        finally
        {
            sender.Release();
        }
    }

    private void Heard(JobEvent? told, WishReply reply)
    {
        Hear(reply.Wish);
        lock (gate)
        {
            if (over)
                return;
            if (told is not null)
                events.TryDequeue(out _);
            else
                (known, sizeIsKnown) = (Math.Min(reply.End, spool.Length), true);
        }
        MakeRoom();
    }

    private async ValueTask<WishReply> SendOutputAsync(long from, ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        var lease = spool.Lease;
        using var request = new HttpRequestMessage(
            HttpMethod.Put,
            $"/api/v1/runner/jobs/{lease.Job}/attempts/{lease.Attempt}/log?offset={from}"
        );
        request.Headers.Add(ReportJson.LeaseHeader, lease.Token);
        request.Content = new ReadOnlyMemoryContent(bytes);
        return await link.AskAsync(request, ReportJson.Default.WishReply, link.Patience, stop)
            ?? new WishReply(JobWish.Fenced);
    }

    private async ValueTask<WishReply> SendEventAsync(JobEvent happened, CancellationToken stop) =>
        await link.PostAsync(
            "/api/v1/runner/events",
            new EventTold(spool.Lease, CarriedEvent.Of(happened)),
            (ReportJson.Default.EventTold, ReportJson.Default.WishReply),
            stop
        ) ?? new WishReply(JobWish.Fenced);

    private void MakeRoom() => Interlocked.Exchange(ref room, Fresh()).TrySetResult();

    private static TaskCompletionSource Fresh() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
