using System.Security.Cryptography;
using System.Text;

namespace TestGrid.Server.Store;

/// <summary>
/// Seals what must not lie open in the database: AES-256-GCM under the data folder's key. A sealed value is bound to
/// its place, so that it cannot be moved to another row and read there.
/// </summary>
public sealed class SecretBox(byte[] key)
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    /// <param name="value">What to seal.</param>
    /// <param name="place">Where it stands: <c>secret:7:NAME</c>.</param>
    public byte[] Seal(string value, string place)
    {
        var plain = Encoding.UTF8.GetBytes(value);
        var box = new byte[NonceBytes + TagBytes + plain.Length];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceBytes));
        using var aes = new AesGcm(key, TagBytes);
        aes.Encrypt(
            box.AsSpan(0, NonceBytes),
            plain,
            box.AsSpan(NonceBytes + TagBytes),
            box.AsSpan(NonceBytes, TagBytes),
            Encoding.UTF8.GetBytes(place)
        );
        CryptographicOperations.ZeroMemory(plain);
        return box;
    }

    /// <exception cref="StoreException">Sealed under another key, for another place, or damaged.</exception>
    public string Open(byte[] box, string place)
    {
        if (box.Length < NonceBytes + TagBytes)
            throw new StoreException($"The sealed value of {place} is damaged.");
        var plain = new byte[box.Length - NonceBytes - TagBytes];
        try
        {
            using var aes = new AesGcm(key, TagBytes);
            aes.Decrypt(
                box.AsSpan(0, NonceBytes),
                box.AsSpan(NonceBytes + TagBytes),
                box.AsSpan(NonceBytes, TagBytes),
                plain,
                Encoding.UTF8.GetBytes(place)
            );
        }
        catch (AuthenticationTagMismatchException e)
        {
            throw new StoreException(
                $"The sealed value of {place} does not open: secrets.key is not the one it was sealed with.",
                e
            );
        }
        return Encoding.UTF8.GetString(plain);
    }
}
