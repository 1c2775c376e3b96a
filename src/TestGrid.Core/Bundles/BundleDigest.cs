using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using TestGrid.Core.Text;

namespace TestGrid.Core.Bundles;

/// <summary>
/// Names a bundle by its content: <c>sha256:</c> and 64 lower-case hexadecimal digits over its manifest
/// (<c>testgrid.tree/1</c>). Equal digests mean that there is nothing to compare.
/// </summary>
[JsonConverter(typeof(ParsableJsonConverter<BundleDigest>))]
public sealed record BundleDigest : IParsable<BundleDigest>
{
    private const string Prefix = "sha256:";
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    private BundleDigest(string hex) => Hex = hex;

    /// <summary>The 64 digits alone: a name for folders.</summary>
    public string Hex { get; }

    /// <summary>The first 12 digits: enough for people.</summary>
    public string Short => Hex[..12];

    public static BundleDigest Of(ReadOnlySpan<byte> sha256) => new(Convert.ToHexStringLower(sha256));

    public static BundleDigest Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var digest)
            ? digest
            : throw new FormatException($"'{s}' is not a digest: it is sha256: and 64 hexadecimal digits.");

    public static bool TryParse(
        [NotNullWhen(true)] string? s,
        IFormatProvider? provider,
        [NotNullWhen(true)] out BundleDigest? result
    )
    {
        result = null;
        if (s is null || !s.StartsWith(Prefix, StringComparison.Ordinal) || s.Length != Prefix.Length + 64)
            return false;
        var hex = s[Prefix.Length..];
        if (hex.AsSpan().ContainsAnyExcept(Digits))
            return false;
        result = new BundleDigest(hex);
        return true;
    }

    public override string ToString() => Prefix + Hex;
}
