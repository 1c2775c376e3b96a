using System.Buffers;
using System.Globalization;
using System.Text;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>What is said to the launcher: words and fields, each ended by a zero byte.</summary>
internal sealed class LauncherText
{
    private readonly ArrayBufferWriter<byte> bytes = new(4096);

    public byte[] Bytes => bytes.WrittenSpan.ToArray();

    public void Add(string name, long value) => Add(name, value.ToString(CultureInfo.InvariantCulture));

    /// <exception cref="SandboxException">A field holds a zero byte.</exception>
    public void Add(string word, params ReadOnlySpan<string> fields)
    {
        Write(word);
        foreach (var field in fields)
        {
            if (field.Contains('\0', StringComparison.Ordinal))
                throw new SandboxException(
                    $"There is a zero byte in a {word} of the sandbox: no program can be given one."
                );
            Write(field);
        }
    }

    private void Write(string text)
    {
        Encoding.UTF8.GetBytes(text, bytes);
        bytes.GetSpan(1)[0] = 0;
        bytes.Advance(1);
    }
}
