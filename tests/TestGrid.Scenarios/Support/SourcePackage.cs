using System.Diagnostics;

namespace TestGrid.Scenarios.Support;

/// <summary>
/// The upstream sources of a Debian package, as their authors released them: a real project that nobody here wrote.
/// Fetched once from the machine's own mirror, into a cache outside the work tree.
/// </summary>
internal static class SourcePackage
{
    private static readonly SemaphoreSlim OneAtATime = new(1);

    /// <summary>Where downloads and bundles outlive a test run: $TESTGRID_TEST_CACHE.</summary>
    public static string Cache { get; } =
        Environment.GetEnvironmentVariable("TESTGRID_TEST_CACHE") ?? "/var/cache/testgrid-tests";

    /// <summary>Unpacks the package's upstream tarball into a new folder, without Debian's changes.</summary>
    public static async Task UnpackAsync(string package, string into, CancellationToken stop)
    {
        await OneAtATime.WaitAsync(stop);
        try
        {
            var tarball = Tarball(FolderOf(package)) ?? await DownloadAsync(package, stop);
            Directory.CreateDirectory(into);
            await RunAsync(
                "tar",
                ["--extract", "--strip-components=1", "--no-same-owner", "-C", into, "-f", tarball],
                into,
                stop
            );
        }
        finally
        {
            OneAtATime.Release();
        }
    }

    private static string FolderOf(string package) => Path.Combine(Cache, "sources", package);

    // Not NAME.orig-PART.tar.gz, nor a signature, nor what is still arriving.
    private static string? Tarball(string folder) =>
        Directory.Exists(folder)
            ? Directory
                .GetFiles(folder, "*.orig.tar.*")
                .FirstOrDefault(file => Path.GetExtension(file) is ".gz" or ".xz" or ".bz2")
            : null;

    private static async Task<string> DownloadAsync(string package, CancellationToken stop)
    {
        var folder = FolderOf(package);
        Directory.CreateDirectory(folder);
        var lists = Path.Combine(Cache, "sources", "lists");
        Directory.CreateDirectory(Path.Combine(lists, "partial"));
        var sources = Path.Combine(Cache, "sources", "sources.list");
        var fresh = string.Join('\n', await DebianSourceEntriesAsync(stop)) + '\n';
        string[] apt =
        [
            "-o",
            $"Dir::Etc::SourceList={sources}",
            "-o",
            "Dir::Etc::SourceParts=/dev/null",
            "-o",
            $"Dir::State::Lists={lists}",
            "-o",
            "APT::Sandbox::User=root",
        ];
        if (!File.Exists(sources) || await File.ReadAllTextAsync(sources, stop) != fresh)
        {
            await File.WriteAllTextAsync(sources, fresh, stop);
            await RunAsync("apt-get", [.. apt, "-qq", "update"], folder, stop);
        }
        // Beside its place first: a download that was cut off must not pass for the real thing tomorrow.
        using var arriving = new TempFolder();
        try
        {
            await RunAsync(
                "apt-get",
                [.. apt, "-qq", "source", "--download-only", "--tar-only", package],
                arriving.Path,
                stop
            );
        }
        catch (InvalidOperationException) when (Tarball(arriving.Path) is not null)
        {
            // A mirror without a second tarball that only Debian adds: apt has checked the one that counts.
        }
        var tarball =
            Tarball(arriving.Path)
            ?? throw new InvalidOperationException($"{package} has no upstream tarball on this mirror");
        var kept = Path.Combine(folder, Path.GetFileName(tarball));
        File.Copy(tarball, kept + ".part", overwrite: true);
        File.Move(kept + ".part", kept, overwrite: true);
        return kept;
    }

    // The machine's own entries whose Release says that they are Debian's, as sources instead of packages. Not those
    // of its security archive: the upstream tarballs are the same, and not every mirror has them there.
    private static async Task<string[]> DebianSourceEntriesAsync(CancellationToken stop)
    {
        var targets = await RunAsync(
            "apt-get",
            [
                "indextargets",
                "--format",
                "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)|$(LABEL)",
                "Created-By: Packages",
            ],
            "/",
            stop
        );
        var entries = targets
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('|'))
            .Where(parts => parts[0] == "Debian" && parts[5] == "Debian")
            .Select(parts =>
                $"deb-src {(parts[4].StartsWith('/') ? $"[signed-by={parts[4]}] " : "")}{parts[1]} {parts[2]} {parts[3]}"
            )
            .Distinct()
            .ToArray();
        if (entries.Length == 0)
        {
            throw new InvalidOperationException(
                "This machine has no package source whose Release says Origin: Debian. Run apt-get update first."
            );
        }
        return entries;
    }

    private static async Task<string> RunAsync(
        string program,
        string[] arguments,
        string folder,
        CancellationToken stop
    )
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(stop);
        var output = await process.StandardOutput.ReadToEndAsync(stop);
        await process.WaitForExitAsync(stop);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {await errors}");
        return output;
    }
}
