using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace TestGrid.Runner.Output;

/// <summary>
/// Takes the values of secrets out of a stream of bytes, also where a value straddles two chunks, and in the disguises
/// in which values usually leak: line by line, base64 at each of its three alignments, and URL-encoded.
/// What a job does to hide a value on purpose (base64 twice, one character a line) is beyond any masking: docs/secrets.md.
/// </summary>
public sealed class Redactor
{
    /// <summary>What stands in a log in the place of a secret, as on Travis.</summary>
    public const string Mask = "[secure]";

    /// <summary>In bytes of UTF-8. Shorter values would mask half the log: whoever takes a secret refuses them.</summary>
    public const int ShortestValue = 4;

    private static readonly byte[] MaskBytes = Encoding.ASCII.GetBytes(Mask);

    private readonly byte[][] patterns;

    // Wu and Manber's search for many words at once. A window as long as the shortest word goes over the text; the pair
    // of bytes at its end says how far it may jump. Where it may not, a word with that pair there may begin.
    private readonly int window;
    private readonly byte[] jumps = [];
    private readonly Dictionary<int, byte[][]> byPair = [];
    private byte[] held = [];

    public Redactor(IEnumerable<string> secrets)
    {
        // Longest first: a value that contains another is masked whole.
        patterns = secrets
            .SelectMany(Disguises)
            .Where(pattern => pattern.Length >= ShortestValue)
            .DistinctBy(Convert.ToHexString)
            .OrderByDescending(pattern => pattern.Length)
            .ToArray();
        if (IsIdle)
            return;
        window = Math.Min(patterns[^1].Length, byte.MaxValue);
        jumps = new byte[1 << 16];
        Array.Fill(jumps, (byte)(window - 1));
        foreach (var pattern in patterns)
        {
            for (var end = 1; end < window; end++)
            {
                ref var jump = ref jumps[Pair(pattern, end)];
                jump = Math.Min(jump, (byte)(window - 1 - end));
            }
        }
        byPair = patterns
            .GroupBy(pattern => Pair(pattern, window - 1))
            .ToDictionary(group => group.Key, group => group.ToArray());
    }

    /// <summary>Something was masked so far.</summary>
    public bool HasMasked { get; private set; }

    /// <summary>Nothing to mask: the bytes may pass as they are.</summary>
    public bool IsIdle => patterns.Length == 0;

    /// <summary>The value is long enough to be masked.</summary>
    public static bool CanMask(string value) => Encoding.UTF8.GetByteCount(value) >= ShortestValue;

    /// <summary>
    /// Writes <paramref name="chunk"/> without secrets. An end that may be the start of a secret is held back until the
    /// next call; <paramref name="last"/> lets it go.
    /// </summary>
    public void Redact(ReadOnlySpan<byte> chunk, bool last, IBufferWriter<byte> output)
    {
        if (IsIdle)
        {
            output.Write(chunk);
            return;
        }

        byte[] joined = held.Length == 0 ? [] : [.. held, .. chunk];
        var rest = held.Length == 0 ? chunk : joined;
        while (true)
        {
            var at = NextCandidate(rest, 0);
            while (at + window <= rest.Length && Match(rest[at..]) is null && (last || !MayGrowHere(rest[at..])))
                at = NextCandidate(rest, at + 1);
            if (at + window > rest.Length)
            {
                // No word fits into the end, but one may begin there.
                while (!last && at < rest.Length && !MayGrowIntoAMatch(rest[at..], patterns))
                    at++;
                at = last ? rest.Length : at;
            }
            output.Write(rest[..at]);
            rest = rest[at..];
            if (rest.IsEmpty || (!last && MayGrowIntoAMatch(rest, patterns)))
                break;
            output.Write(MaskBytes);
            HasMasked = true;
            rest = rest[Match(rest)!.Value..];
        }
        held = rest.ToArray();
    }

    // The next place, from one on, at which a word may begin; with less than a window behind it when there is none.
    private int NextCandidate(ReadOnlySpan<byte> text, int from)
    {
        var end = from + window - 1;
        while (end < text.Length)
        {
            var jump = jumps[Pair(text, end)];
            if (jump == 0)
                break;
            end += jump;
        }
        return Math.Min(end - window + 1, text.Length);
    }

    private int? Match(ReadOnlySpan<byte> text)
    {
        foreach (var pattern in byPair.GetValueOrDefault(Pair(text, window - 1)) ?? [])
        {
            if (text.StartsWith(pattern))
                return pattern.Length;
        }
        return null;
    }

    private bool MayGrowHere(ReadOnlySpan<byte> text) =>
        MayGrowIntoAMatch(text, byPair.GetValueOrDefault(Pair(text, window - 1)) ?? []);

    private static bool MayGrowIntoAMatch(ReadOnlySpan<byte> text, byte[][] patterns)
    {
        foreach (var pattern in patterns)
        {
            if (pattern.Length > text.Length && pattern.AsSpan().StartsWith(text))
                return true;
        }
        return false;
    }

    private static int Pair(ReadOnlySpan<byte> text, int end) => text[end - 1] << 8 | text[end];

    private static IEnumerable<byte[]> Disguises(string value)
    {
        if (!CanMask(value))
            yield break;
        var bytes = Encoding.UTF8.GetBytes(value);
        yield return bytes;
        yield return Encoding.UTF8.GetBytes(value.ReplaceLineEndings("\r\n")); // as a terminal prints it
        var lines = value.Split('\n', StringSplitOptions.TrimEntries);
        if (lines.Length > 1)
        {
            foreach (var line in lines)
                yield return Encoding.UTF8.GetBytes(line);
        }
        yield return Encoding.UTF8.GetBytes(Uri.EscapeDataString(value));
        // application/x-www-form-urlencoded, and the lower-case hexadecimal that some programs write.
        yield return Encoding.UTF8.GetBytes(Uri.EscapeDataString(value).Replace("%20", "+", StringComparison.Ordinal));
        yield return Encoding.UTF8.GetBytes(LowerCaseEscapes(Uri.EscapeDataString(value)));
        foreach (var encoded in Base64AtEachAlignment(bytes))
        {
            yield return encoded;
            yield return Encoding.ASCII.GetBytes(
                Encoding.ASCII.GetString(encoded).Replace('+', '-').Replace('/', '_') // base64url
            );
        }
    }

    // What of a value's base64 does not depend on its neighbours, when 0, 1 or 2 bytes stand before it in a group of three.
    private static IEnumerable<byte[]> Base64AtEachAlignment(byte[] value)
    {
        for (var shift = 0; shift < 3; shift++)
        {
            var padded = new byte[shift + value.Length];
            value.CopyTo(padded, shift);
            var whole = padded.Length - padded.Length % 3;
            var encoded = new byte[Base64.GetMaxEncodedToUtf8Length(whole)];
            Base64.EncodeToUtf8(padded.AsSpan(0, whole), encoded, out _, out var written);
            // The first group also encodes the bytes before the value.
            var start = shift == 0 ? 0 : 4;
            // Four characters are three bytes: too little to tell a secret from chance.
            if (written - start >= 8)
                yield return encoded[start..written];
        }
        yield return Encoding.ASCII.GetBytes(Convert.ToBase64String(value));
    }

    private static string LowerCaseEscapes(string escaped)
    {
        var text = new StringBuilder(escaped);
        for (var i = 0; i + 2 < text.Length; i++)
        {
            if (text[i] != '%')
                continue;
            text[i + 1] = char.ToLowerInvariant(text[i + 1]);
            text[i + 2] = char.ToLowerInvariant(text[i + 2]);
        }
        return text.ToString();
    }
}
