using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Every package that a lock names, by its hash: <c>pool/sha256/ab/HASH</c>. A mirror keeps one version of each package
/// and forgets the rest; with the pool a lock stays buildable for as long as it is kept, also with no network. No file
/// is believed: each is read through before it is used.
/// </summary>
internal sealed partial class PackagePool(BundleOptions options, AptSources sources, TimeProvider time)
{
    private const int AtOnce = 24;

    private string Root => Path.Combine(options.RootPath, "pool");

    public string FileOf(string sha256) => Path.Combine(Root, "sha256", sha256[..2], sha256);

    /// <summary>Whether that file is here and is what its name says. It counts as used now.</summary>
    public async Task<bool> HasAsync(long size, string sha256, CancellationToken stop)
    {
        var file = FileOf(sha256);
        // What is otherwise stays till a better one takes its place: only a lock's word speaks against it.
        if (!await IsAsync(file, size, sha256, stop))
            return false;
        Touch(file);
        return true;
    }

    /// <summary>Packages of the lock that are not here, or not what they should be. The others count as used now.</summary>
    public async Task<ImmutableArray<LockedPackage>> MissingAsync(BundleLock wanted, CancellationToken stop)
    {
        var missing = new System.Collections.Concurrent.ConcurrentBag<LockedPackage>();
        await Parallel.ForEachAsync(
            wanted.Packages,
            stop,
            async (package, end) =>
            {
                if (!await HasAsync(package.Size, package.Sha256, end))
                    missing.Add(package);
            }
        );
        return BundleLock.InOrder(missing);
    }

    /// <summary>Fetches what is missing from the machine's mirrors, then from the archive mirrors.</summary>
    /// <param name="progress">Hears how many of how many are there.</param>
    /// <exception cref="ForgottenPackagesException">Every mirror says that it has not got some of them.</exception>
    /// <exception cref="BundleException">A mirror could not be asked.</exception>
    public async Task FetchAsync(BundleLock wanted, string work, Action<int, int> progress, CancellationToken stop)
    {
        var missing = await MissingAsync(wanted, stop);
        if (missing.IsEmpty)
            return;
        Directory.CreateDirectory(Root);
        var folder = Directory.CreateDirectory(Path.Combine(work, "fetched")).FullName;
        var config = Path.Combine(work, "fetch.conf");
        await File.WriteAllTextAsync(config, await sources.ConfigAsync(stop) + "APT::Sandbox::User \"root\";\n", stop);
        var (all, said, trouble) = (missing.Length, "", "");
        foreach (var place in await PlacesAsync(wanted.Suite, stop))
        {
            foreach (var some in missing.Where(place.MayHave).Chunk(AtOnce))
            {
                var complaint = await DownloadAsync(place, some, folder, config, stop);
                said = complaint is null ? said : AptSources.LastWords(complaint);
                trouble = complaint?.Split('\n').FirstOrDefault(Trouble.IsMatch) ?? trouble;
                foreach (var package in some)
                {
                    if (await TakeAsync(Path.Combine(folder, package.Sha256), package.Size, package.Sha256, stop))
                        missing = missing.Remove(package);
                }
                progress(all - missing.Length, all);
            }
            if (missing.IsEmpty)
                return;
        }
        // A mirror that does not answer has forgotten nothing.
        if (trouble.Length > 0)
            throw new BundleException(
                $"{missing.Length} packages of {wanted.Bundle} are not in the pool and could not be fetched, "
                    + $"{string.Join(", ", missing.Take(8))}{(missing.Length > 8 ? ", …" : "")} (apt: {trouble}). "
                    + "Remedy: see that apt-get update works here, or take a pool from another machine "
                    + "(testgrid pool export, import)"
            );
        throw new ForgottenPackagesException(wanted.Bundle, missing, said);
    }

    /// <summary>
    /// Moves a file into the pool if it is what its name shall be; false, and the file is gone, when it is not.
    /// </summary>
    public async Task<bool> TakeAsync(string file, long size, string sha256, CancellationToken stop)
    {
        if (!await IsAsync(file, size, sha256, stop))
        {
            if (File.Exists(file))
                File.Delete(file);
            return false;
        }
        var target = FileOf(sha256);
        foreach (var folder in new[] { Root, Path.Combine(Root, "sha256"), Path.GetDirectoryName(target)! })
        {
            Directory.CreateDirectory(folder);
            File.SetUnixFileMode(folder, (UnixFileMode)0x1ED); // 0755: the range's root reads them
        }
        File.SetUnixFileMode(file, (UnixFileMode)0x1A4); // 0644
        File.Move(file, target, overwrite: true);
        Touch(target); // apt gave it the mirror's date, and by that it would be old
        return true;
    }

    /// <summary>Every file here, by hash.</summary>
    public IEnumerable<string> Files() =>
        Directory.Exists(Path.Combine(Root, "sha256"))
            ? Directory.EnumerateFiles(Path.Combine(Root, "sha256"), "*", SearchOption.AllDirectories)
            : [];

    /// <summary>Removes files that no lock names and that nobody asked for since <paramref name="before"/>.</summary>
    public long Clean(IReadOnlySet<string> wanted, DateTimeOffset before)
    {
        var freed = 0L;
        foreach (var file in Files().Where(file => !wanted.Contains(Path.GetFileName(file))).ToArray())
        {
            var info = new FileInfo(file);
            if (info.LastWriteTimeUtc > before.UtcDateTime)
                continue;
            freed += info.Length;
            info.Delete();
        }
        return freed;
    }

    private async Task<ImmutableArray<PackageAddress>> PlacesAsync(string suite, CancellationToken stop)
    {
        var places = ImmutableArray.CreateBuilder<PackageAddress>();
        foreach (var line in await sources.LinesAsync(suite, stop))
        {
            // deb [options] ADDRESS SUITE COMPONENT…; an address may have brackets too
            var end = line.StartsWith("deb [", StringComparison.Ordinal)
                ? line.IndexOf(']', StringComparison.Ordinal)
                : -1;
            var words = line[(end + 1)..].Split(' ').Where(w => w.Length > 0);
            if (words.SkipWhile(word => word == "deb").ToArray() is [var address, var archive, ..])
                places.Add(new(archive, Copied(address.TrimEnd('/')), Moved: false));
        }
        places.AddRange(
            options.ArchiveMirrors.Select(address => new PackageAddress(null, address.TrimEnd('/'), Moved: false))
        );
        places.AddRange(places.Select(place => place with { Archive = null, Moved = true }).Distinct().ToArray());
        return places.ToImmutable();
    }

    /// <param name="Archive">The only one whose packages it has; null for one that may have any.</param>
    /// <param name="Moved">
    /// Whether security updates are looked for where a point release puts them: the same file then lies in the main
    /// archive, and the security archive may have dropped it while its list still names it.
    /// </param>
    private sealed record PackageAddress(string? Archive, string Base, bool Moved)
    {
        private const string OfUpdates = "pool/updates/";

        public bool MayHave(LockedPackage package) =>
            Moved
                ? package.Path.StartsWith(OfUpdates, StringComparison.Ordinal)
                : Archive is null || Archive == package.Archive;

        public string AddressOf(LockedPackage package)
        {
            var path = Moved ? "pool/" + package.Path[OfUpdates.Length..] : package.Path;
            return $"{Base}/{path.Replace("+", "%2b", StringComparison.Ordinal)}";
        }
    }

    // From a mirror in a folder apt would give a link, and the pool would hold what somebody else can change.
    private static string Copied(string address) =>
        address.StartsWith("file:", StringComparison.Ordinal) ? "copy:" + address["file:".Length..] : address;

    // apt's own downloader: it has the machine's proxy, certificates and mirror methods, and checks the hash.
    private static async Task<string?> DownloadAsync(
        PackageAddress from,
        LockedPackage[] packages,
        string folder,
        string config,
        CancellationToken stop
    )
    {
        string[] words =
        [
            "-c",
            config,
            "-qq",
            "download-file",
            .. packages.SelectMany(package =>
                (string[])[from.AddressOf(package), Path.Combine(folder, package.Sha256), $"SHA256:{package.Sha256}"]
            ),
        ];
        var (code, said) = await AptSources.RunAsync("/usr/lib/apt/apt-helper", words, stop);
        return code == 0 ? null : said;
    }

    private void Touch(string file)
    {
        try
        {
            File.SetLastWriteTimeUtc(file, time.GetUtcNow().UtcDateTime);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or FileNotFoundException)
        {
            // A pool of root's, read by another; or one that a cleaner has just taken, which the next look finds.
        }
    }

    // What apt says when a mirror was asked and has not got the file, or another of its name, is no trouble.
    [GeneratedRegex(@"^E: (?!.*(?: 404 | 410 |File not found|No such file|Hash Sum mismatch|Download Failed))")]
    private static partial Regex Trouble { get; }

    private static async Task<bool> IsAsync(string path, long size, string sha256, CancellationToken stop)
    {
        try
        {
            if (new FileInfo(path).LinkTarget is not null)
                return false;
            await using var file = File.OpenRead(path);
            return file.Length == size && Convert.ToHexStringLower(await SHA256.HashDataAsync(file, stop)) == sha256;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }
}

/// <summary>Packages of a lock that neither the pool nor any mirror has.</summary>
public sealed class ForgottenPackagesException(string bundle, ImmutableArray<LockedPackage> packages, string said)
    : BundleException(
        new StringBuilder()
            .Append(
                CultureInfo.InvariantCulture,
                $"The lock of {bundle} names {packages.Length} packages that neither the pool nor a mirror has: "
            )
            .AppendJoin(", ", packages.Take(8))
            .Append(packages.Length > 8 ? ", …" : "")
            .Append(said.Length > 0 ? $" (apt: {said})" : "")
            .Append(
                ". Remedy: name a mirror that keeps old packages in Bundles:ArchiveMirrors, take a pool from another "
            )
            .Append(
                CultureInfo.InvariantCulture,
                $"machine (testgrid pool export, import), or lock anew: testgrid bundle update {bundle}"
            )
            .ToString()
    )
{
    public ImmutableArray<LockedPackage> Packages { get; } = packages;
}
