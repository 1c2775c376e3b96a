using System.Security.Cryptography;
using System.Text;

namespace TestGrid.Server.Store;

/// <summary>Random names that nobody guesses, and the only form in which they are stored.</summary>
public static class Hashes
{
    /// <summary>32 random bytes as 64 lower-case hexadecimal digits.</summary>
    public static string Random() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    /// <summary>SHA-256 as 64 lower-case hexadecimal digits. No salt: what goes in has 256 random bits.</summary>
    public static string Of(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
