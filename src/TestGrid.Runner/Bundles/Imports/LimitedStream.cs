using System.Security.Cryptography;

namespace TestGrid.Runner.Bundles.Imports;

/// <summary>What an archive gives when it is unpacked: counted, so that a small file cannot fill the disk, and hashed.</summary>
/// <param name="inner">Read, and not closed.</param>
/// <param name="most">Bytes that it may give.</param>
/// <param name="named">What it is called in the message.</param>
internal sealed class LimitedStream(Stream inner, long most, string named) : Stream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Bytes that were read.</summary>
    public long Count { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Reads the rest, and gives the SHA-256 of all as hexadecimal digits.</summary>
    public async Task<string> EndAsync(CancellationToken stop)
    {
        await CopyToAsync(Null, stop);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        var read = inner.Read(buffer);
        Take(buffer[..read]);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        Take(buffer.Span[..read]);
        return read;
    }

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        hash.Dispose();
        base.Dispose(disposing);
    }

    private void Take(ReadOnlySpan<byte> read)
    {
        hash.AppendData(read);
        Count += read.Length;
        if (Count > most)
            throw new BundleException(
                $"{named} is refused: unpacked it has more than {most >> 20} MiB. Is it meant? Remedy: make room, or raise "
                    + "Bundles:MaxBytes."
            );
    }
}
