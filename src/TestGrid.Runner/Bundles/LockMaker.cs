using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Finds out what a recipe means today: apt's own resolver chooses, in a state of its own that has nothing of this
/// machine's packages in it, and the signed package lists give each hash.
/// </summary>
internal sealed partial class LockMaker(AptSources sources, ToolSource tools)
{
    /// <param name="known">An older lock: tools that it has already are not fetched again; null of none.</param>
    /// <param name="folder">An empty folder, for apt's lists.</param>
    /// <exception cref="BundleException">The mirror is not there, or apt cannot satisfy the recipe.</exception>
    public async Task<BundleLock> MakeAsync(Recipe recipe, BundleLock? known, string folder, CancellationToken stop)
    {
        var release = await sources.ReleaseAsync(recipe.Suite, recipe.Archives, folder, stop);
        var chosen = await ChooseAsync(recipe, release.Config, stop);
        var lists = Path.Combine(folder, "lists");
        var packages = BundleLock.InOrder(ReadLists(lists, chosen));
        if (packages.Length != chosen.Count)
            throw new BundleException(
                $"apt chose {chosen.Count} packages for {recipe.Name}, and the lists have {packages.Length} of them."
            );
        return new BundleLock
        {
            Bundle = recipe.Name,
            Suite = recipe.Suite,
            Architecture = Architecture,
            RecipeHash = recipe.ContentHash(),
            Epoch = release.Epoch,
            Releases = [.. Directory.GetFiles(lists, "*Release").Order(StringComparer.Ordinal).Select(Release)],
            Packages = packages,
            Tools = await tools.ResolveAsync(recipe, known, folder, stop),
        };
    }

    /// <summary>Debian's word for this machine's processor.</summary>
    public static string Architecture =>
        RuntimeInformation.OSArchitecture switch
        {
            System.Runtime.InteropServices.Architecture.X64 => "amd64",
            var other => other.ToString().ToLowerInvariant(),
        };

    private static async Task<HashSet<string>> ChooseAsync(Recipe recipe, string config, CancellationToken stop)
    {
        // Else apt takes usrmerge, which moves files when it is installed and brings perl; older suites have not got it.
        string[] merged = recipe.Suite is "bullseye" or "buster" ? [] : ["usr-is-merged"];
        var (code, said) = await AptSources.RunAsync(
            "apt-get",
            [
                "-c",
                config,
                "-qq",
                "-y",
                "--print-uris",
                // Without it apt names the weakest hash that the list has.
                "-o",
                "Acquire::ForceHash=SHA256",
                "-o",
                "APT::Install-Recommends=false",
                "install",
                "?essential",
                "?priority(required)",
                "apt",
                .. merged,
                .. recipe.Packages,
            ],
            stop
        );
        if (code != 0)
            throw new BundleException($"apt cannot satisfy recipe {recipe.Name}:\n{Complaint(said)}");
        return [.. Hash.Matches(said).Select(match => match.Groups[1].Value)];
    }

    // A package may stand in the list of its security archive and in the main one, too: then it is a security update,
    // however the mirrors are called.
    private static IEnumerable<string> ListsIn(string folder) =>
        Directory
            .GetFiles(folder, "*_Packages")
            .OrderByDescending(list => ArchiveOf(list).EndsWith("-security", StringComparison.Ordinal))
            .ThenBy(list => list, StringComparer.Ordinal);

    private static string Complaint(string said) =>
        string.Join(
            '\n',
            said.Split('\n')
                .Where(line => line.StartsWith("E: ", StringComparison.Ordinal) || Unmet.IsMatch(line))
                .Take(12)
        );

    private static IEnumerable<LockedPackage> ReadLists(string lists, HashSet<string> chosen)
    {
        string[] keys = ["Package: ", "Version: ", "Architecture: ", "Filename: ", "Size: ", "SHA256: ", "Priority: "];
        var left = chosen.ToHashSet(StringComparer.Ordinal);
        foreach (var list in ListsIn(lists))
        {
            var archive = ArchiveOf(list);
            var fields = new string[keys.Length];
            foreach (var line in File.ReadLines(list).Append(""))
            {
                if (line.Length == 0)
                {
                    if (fields[5] is { } sha256 && left.Remove(sha256))
                        yield return new(
                            fields[0],
                            fields[1],
                            fields[2],
                            archive,
                            fields[3],
                            long.Parse(fields[4], System.Globalization.CultureInfo.InvariantCulture),
                            sha256,
                            fields[6] == "required"
                        );
                    fields = new string[keys.Length];
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

    private static LockedRelease Release(string file) =>
        new(ArchiveOf(file), AptSources.DateOf(file)?.ToUnixTimeSeconds() ?? 0, HashOf(file));

    private static string HashOf(string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));

    // apt names its lists by where they came from; of that only suite and pocket may stay.
    private static string ArchiveOf(string file) =>
        Archive.Match(Path.GetFileName(file)) is { Success: true } match
            ? match.Groups[1].Value
            : throw new BundleException($"{Path.GetFileName(file)} is no list of a Debian suite.");

    [GeneratedRegex(@" SHA256:([0-9a-f]{64})\s*$", RegexOptions.Multiline)]
    private static partial Regex Hash { get; }

    [GeneratedRegex(@"_dists_([a-z-]+)_")]
    private static partial Regex Archive { get; }

    [GeneratedRegex(@"\A (?:\S+ : \S+: |\s+\S+: |.*but it is not )")]
    private static partial Regex Unmet { get; }
}
