namespace TestGrid.Runner.Services;

/// <summary>The end of what somebody says, in bounded memory. One adds, others read.</summary>
/// <param name="most">How many bytes are kept.</param>
internal sealed class LogTail(int most = 64 << 10)
{
    private readonly Lock gate = new();
    private readonly byte[] kept = new byte[most];
    private long all;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        lock (gate)
        {
            all += Math.Max(0, bytes.Length - most);
            foreach (var one in bytes[Math.Max(0, bytes.Length - most)..])
                kept[all++ % most] = one;
        }
    }

    /// <summary>What is kept, in order, and how many bytes before it are not.</summary>
    public (byte[] Bytes, long LeftOut) Read()
    {
        lock (gate)
        {
            if (all <= most)
                return (kept[..(int)all], 0);
            var begin = (int)(all % most);
            return ([.. kept[begin..], .. kept[..begin]], all - most);
        }
    }
}
