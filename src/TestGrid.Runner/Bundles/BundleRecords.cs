using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>What is known of a bundle beside its tree: <c>bundle.json</c> in its folder.</summary>
/// <param name="Name">Its recipe's name.</param>
/// <param name="Digest">Its content's name.</param>
/// <param name="Suite">The Debian suite.</param>
/// <param name="RecipeHash">What the recipe said and what the builder did with it when it was built.</param>
/// <param name="Epoch">The newest date of the releases it was built from, in seconds since 1970.</param>
/// <param name="Bytes">Size of all its files.</param>
/// <param name="Packages">Every Debian package in it.</param>
public sealed record BundleRecord(
    string Name,
    BundleDigest Digest,
    string Suite,
    string RecipeHash,
    long Epoch,
    long Bytes,
    ImmutableArray<BundlePackage> Packages
)
{
    internal static BundleRecord? Read(string file)
    {
        try
        {
            using var stream = File.OpenRead(file);
            return JsonSerializer.Deserialize(stream, BundleJson.Default.BundleRecord);
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Written beside and renamed, so that a reader sees all of it or nothing.</summary>
    internal void Write(string file)
    {
        var beside = file + ".new";
        using (var stream = File.Create(beside))
        {
            JsonSerializer.Serialize(stream, this, BundleJson.Default.BundleRecord);
            stream.Flush(flushToDisk: true);
        }
        File.Move(beside, file, overwrite: true);
        Posix.SettleFolder(Path.GetDirectoryName(file)!);
    }
}

/// <summary>One Debian package of a bundle, exactly.</summary>
/// <param name="Sha256">Of the .deb, as the signed release named it; empty when the lists no longer said.</param>
public sealed record BundlePackage(string Name, string Version, string Arch, string Sha256)
{
    /// <summary>Reads dpkg's list of a tree, and the hashes from the package lists it was built from.</summary>
    internal static ImmutableArray<BundlePackage> Read(string status, string lists)
    {
        var installed = Stanzas(status)
            .Select(fields => (Name: fields[0], Version: fields[1], Arch: fields[2]))
            .Where(package => package.Name.Length > 0)
            .ToHashSet();
        var hashes = new Dictionary<(string, string, string), string>();
        foreach (var list in Directory.Exists(lists) ? Directory.GetFiles(lists, "*_Packages") : [])
        {
            foreach (var fields in Stanzas(list))
            {
                var key = (fields[0], fields[1], fields[2]);
                if (installed.Contains(key))
                    hashes[key] = fields[3];
            }
        }
        return
        [
            .. installed
                .OrderBy(package => package.Name, StringComparer.Ordinal)
                .ThenBy(package => package.Arch, StringComparer.Ordinal)
                .Select(p => new BundlePackage(p.Name, p.Version, p.Arch, hashes.GetValueOrDefault(p, ""))),
        ];
    }

    private static IEnumerable<string[]> Stanzas(string file)
    {
        string[] keys = ["Package: ", "Version: ", "Architecture: ", "SHA256: "];
        string[] fields = ["", "", "", ""];
        foreach (var line in File.ReadLines(file).Append(""))
        {
            if (line.Length == 0 && fields[0].Length > 0)
            {
                yield return fields;
                fields = ["", "", "", ""];
                continue;
            }
            for (var i = 0; i < keys.Length; i++)
            {
                if (line.StartsWith(keys[i], StringComparison.Ordinal))
                    fields[i] = line[keys[i].Length..];
            }
        }
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(BundleRecord))]
internal sealed partial class BundleJson : JsonSerializerContext;
