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
    /// <summary>Of the lock that it was built from, as 64 hexadecimal digits.</summary>
    public string LockDigest { get; init; } = "";

    /// <summary>Whether packages were only added to an earlier tree: for trying out, not for giving away.</summary>
    public bool IsDraft { get; init; }

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
/// <param name="Sha256">Of the .deb, as its lock has it.</param>
public sealed record BundlePackage(string Name, string Version, string Arch, string Sha256)
{
    internal static ImmutableArray<BundlePackage> Of(BundleLock locked) =>
        [.. locked.Packages.Select(p => new BundlePackage(p.Name, p.Version, p.Arch, p.Sha256))];

    /// <summary>What dpkg says is installed otherwise than locked, at most ten lines; empty when all is as locked.</summary>
    internal static ImmutableArray<string> DifferencesTo(BundleLock locked, string status)
    {
        var installed = Stanzas(status).Select(f => $"{f[0]} {f[1]} ({f[2]})").ToHashSet(StringComparer.Ordinal);
        var should = locked.Packages.Select(package => package.ToString()).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. should
                .Where(package => !installed.Contains(package))
                .Select(package => "- " + package)
                .Concat(installed.Where(package => !should.Contains(package)).Select(package => "+ " + package))
                .Order(StringComparer.Ordinal)
                .Take(10),
        ];
    }

    private static IEnumerable<string[]> Stanzas(string file)
    {
        string[] keys = ["Package: ", "Version: ", "Architecture: "];
        string[] fields = ["", "", ""];
        foreach (var line in File.ReadLines(file).Append(""))
        {
            if (line.Length == 0 && fields[0].Length > 0)
            {
                yield return fields;
                fields = ["", "", ""];
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
