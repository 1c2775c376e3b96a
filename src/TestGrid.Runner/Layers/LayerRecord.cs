using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Layers;

/// <summary>
/// All that an app layer was made from, by name, each as a hash or as it is: no value of a variable, no secret. Equal
/// inputs are one layer.
/// </summary>
/// <param name="Lane">Whose layers these are one after the other: repository, who may use them, and cell.</param>
/// <param name="Parts">What they are: <c>bundle</c>, <c>lock package-lock.json</c>, <c>commands</c>, …</param>
public sealed record LayerInputs(string Lane, ImmutableSortedDictionary<string, string> Parts)
{
    /// <summary>What the name of a lock file's part begins with.</summary>
    public const string LockPrefix = "lock ";

    // Changed whenever what a layer holds is read otherwise.
    private const string Form = "testgrid.layer/1";

    /// <summary>The layer's name by what it is made from: 64 hexadecimal digits.</summary>
    [JsonIgnore]
    public string Key => Hash([Form, .. Parts.Select(part => $"{part.Key}={part.Value}")]);

    /// <summary>Who may use it.</summary>
    [JsonIgnore]
    public string Scope => Parts["scope"];

    /// <summary>The lock files, by their paths in the repository.</summary>
    [JsonIgnore]
    public IEnumerable<string> Locks =>
        Parts
            .Keys.Where(name => name.StartsWith(LockPrefix, StringComparison.Ordinal))
            .Select(name => name[LockPrefix.Length..]);

    /// <summary>SHA-256 of texts, as 64 hexadecimal digits; where one ends and the next begins counts.</summary>
    public static string Hash(IEnumerable<string> texts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var text in texts)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            hash.AppendData(Encoding.ASCII.GetBytes(bytes.Length.ToString(CultureInfo.InvariantCulture) + ":"));
            hash.AppendData(bytes);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>What is another than there, in words; empty when nothing is.</summary>
    public ImmutableArray<string> DifferencesTo(LayerInputs earlier) =>
        [
            .. Parts
                .Keys.Union(earlier.Parts.Keys)
                .Order(StringComparer.Ordinal)
                .Select(name => (name, Now: Parts.GetValueOrDefault(name), Then: earlier.Parts.GetValueOrDefault(name)))
                .Where(part => part.Now != part.Then)
                .Select(part =>
                {
                    var called = part.name.StartsWith(LockPrefix, StringComparison.Ordinal)
                        ? part.name[LockPrefix.Length..]
                        : part.name;
                    return called
                        + (
                            part.Then is null ? " is new"
                            : part.Now is null ? " is gone"
                            : " changed"
                        );
                }),
        ];
}

/// <summary>What is known of a kept app layer: <c>layer.json</c> in its folder.</summary>
/// <param name="Digest">Its content's name: the SHA-256 of its tar.</param>
/// <param name="Inputs">What it was made from.</param>
/// <param name="Repository">Whose, for people: <c>github.com/owner/name</c>.</param>
/// <param name="Job">The job that made it.</param>
/// <param name="Bytes">Of its tar: about what it takes on disk.</param>
/// <param name="Made">When.</param>
public sealed record LayerRecord(
    BundleDigest Digest,
    LayerInputs Inputs,
    string Repository,
    string Job,
    long Bytes,
    DateTimeOffset Made
)
{
    internal static LayerRecord? Read(string file)
    {
        try
        {
            using var stream = File.OpenRead(file);
            return JsonSerializer.Deserialize(stream, LayerJson.Default.LayerRecord);
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Written beside and renamed, so that a reader sees all of it or nothing.</summary>
    internal void Write(string file)
    {
        var beside = $"{file}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}.new";
        using (var stream = File.Create(beside))
        {
            JsonSerializer.Serialize(stream, this, LayerJson.Default.LayerRecord);
            stream.Flush(flushToDisk: true);
        }
        File.Move(beside, file, overwrite: true);
        Posix.SettleFolder(Path.GetDirectoryName(file)!);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(LayerRecord))]
internal sealed partial class LayerJson : JsonSerializerContext;
