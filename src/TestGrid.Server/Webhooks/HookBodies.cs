using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace TestGrid.Server.Webhooks;

/// <summary>
/// Reads the bodies of deliveries. Whoever reaches the server may send them, so each has a size and a time, and all
/// that are under way together have a budget of memory.
/// </summary>
public sealed class HookBodies(TimeProvider time)
{
    /// <summary>GitHub's own limit.</summary>
    public const int BytesMax = 25 << 20;

    private const long Budget = 128L << 20;
    private const int FirstBytes = 32 << 10;
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(60);

    private long held;

    /// <summary>The body, or the status to answer with: 413 too large, 408 too slow, 503 too many at once.</summary>
    public async Task<HookBody> ReadAsync(HttpRequest request, CancellationToken stop)
    {
        if (request.ContentLength > BytesMax)
            return HookBody.Refused(StatusCodes.Status413PayloadTooLarge);
        // Counted here instead: the server's own limit would answer with an exception.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = null;

        using var slow = new CancellationTokenSource(TimeMax, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, slow.Token);
        var body = new HookBody(this);
        try
        {
            // Not as much as it announces: four who announce 25 MB and send nothing would take all there is.
            if (!body.Grow(FirstBytes))
                return body.Give(StatusCodes.Status503ServiceUnavailable);
            while (true)
            {
                var read = await request.Body.ReadAsync(body.Room, either.Token);
                if (read == 0)
                    return body;
                body.Took(read);
                if (body.Bytes.Length > BytesMax)
                    return body.Give(StatusCodes.Status413PayloadTooLarge);
                if (body.Room.IsEmpty && !body.Grow(body.Bytes.Length * 2))
                    return body.Give(StatusCodes.Status503ServiceUnavailable);
            }
        }
        catch (OperationCanceledException) when (slow.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            return body.Give(StatusCodes.Status408RequestTimeout);
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    private bool Take(int bytes)
    {
        if (Interlocked.Add(ref held, bytes) <= Budget)
            return true;
        Interlocked.Add(ref held, -bytes);
        return false;
    }

    /// <summary>A body in memory that goes back when it is disposed.</summary>
    public sealed class HookBody : IDisposable
    {
        private readonly HookBodies? bodies;
        private byte[] buffer = [];
        private int length;

        internal HookBody(HookBodies? bodies) => this.bodies = bodies;

        /// <summary>The status to answer with when it could not be read; else 0.</summary>
        public int Status { get; private set; }

        public ReadOnlyMemory<byte> Bytes => buffer.AsMemory(0, length);

        internal Memory<byte> Room => buffer.AsMemory(length);

        internal static HookBody Refused(int status) => new(null) { Status = status };

        internal bool Grow(int size)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Min(size, BytesMax + 1));
            if (!bodies!.Take(larger.Length))
            {
                ArrayPool<byte>.Shared.Return(larger);
                return false;
            }
            Bytes.CopyTo(larger);
            Release();
            buffer = larger;
            return true;
        }

        internal void Took(int bytes) => length += bytes;

        internal HookBody Give(int status)
        {
            Dispose();
            Status = status;
            return this;
        }

        public void Dispose()
        {
            Release();
            length = 0;
        }

        private void Release()
        {
            if (buffer.Length == 0)
                return;
            Interlocked.Add(ref bodies!.held, -buffer.Length);
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = [];
        }
    }
}
