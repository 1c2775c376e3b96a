using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace TestGrid.Server.GitHosts;

/// <summary>HMAC-SHA256 over a raw body, as <c>sha256=</c> and 64 hexadecimal digits.</summary>
public static class Signature
{
    private const string Prefix = "sha256=";

    /// <summary>Compared in constant time, whatever the header holds: only its length is learnt.</summary>
    public static bool IsRight(string? header, ReadOnlySpan<byte> body, string secret)
    {
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body, expected);
        Span<byte> given = stackalloc byte[HMACSHA256.HashSizeInBytes];
        var readable =
            header is not null
            && header.Length == Prefix.Length + 2 * given.Length
            && header.StartsWith(Prefix, StringComparison.Ordinal)
            && Convert.FromHexString(header.AsSpan(Prefix.Length), given, out _, out var written)
                == OperationStatus.Done
            && written == given.Length;
        return CryptographicOperations.FixedTimeEquals(expected, given) && readable;
    }

    /// <summary>The header's value for a body.</summary>
    public static string Of(ReadOnlySpan<byte> body, string secret) =>
        Prefix + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body));
}
