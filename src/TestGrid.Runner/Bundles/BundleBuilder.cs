using System.Collections.Immutable;
using System.Globalization;
using System.IO.Compression;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Builds a recipe's tree from its lock: apt installs the locked packages out of the pool, with no network and as
/// root of the sandboxes' id range only, straight into the tree; that is read into a manifest, and must pass its
/// recipe's checks. Whatever becomes of it, none of its processes is left.
/// </summary>
internal sealed class BundleBuilder(PackagePool pool, ToolSource tools, BundleOptions options, TimeProvider time)
{
    private static readonly ImmutableArray<string> Options =
    [
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        "--aptopt=Acquire::Languages \"none\"",
        "--dpkgopt=force-unsafe-io",
    ];

    private readonly IdRange range = new(options.IdBase);

    /// <summary>What this builder does with every recipe alike: a change of it is another tree.</summary>
    internal static ImmutableArray<string> Manner => [.. Options, Build];

    /// <param name="recipe">Complete with its parents'.</param>
    /// <param name="locked">What it is built from.</param>
    /// <param name="folder">An empty folder; gets <c>tree/</c> with what the store keeps, and <c>work/</c>.</param>
    /// <param name="log">Where everything the tools say is kept.</param>
    /// <param name="stop">Stops it.</param>
    /// <param name="elsewhere">In <see cref="Surroundings.Others"/>.</param>
    /// <exception cref="ForgottenPackagesException">A package is neither in the pool nor on a mirror.</exception>
    /// <exception cref="BundleException">It cannot be built; the message has apt's own words.</exception>
    public async Task<BundleRecord> BuildAsync(
        Recipe recipe,
        BundleLock locked,
        string folder,
        BuildLog log,
        CancellationToken stop,
        bool elsewhere = false
    )
    {
        using var limit = new CancellationTokenSource(options.BuildTime, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        try
        {
            return await BuildStepsAsync(recipe, locked, folder, log, elsewhere, both.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            throw new BundleException(
                $"Bundle {recipe.Name} was not built within {options.BuildTime}. "
                    + "Remedy: look at the mirror, or raise Bundles:BuildTime."
            );
        }
    }

    private async Task<BundleRecord> BuildStepsAsync(
        Recipe recipe,
        BundleLock locked,
        string folder,
        BuildLog log,
        bool elsewhere,
        CancellationToken stop
    )
    {
        CheckSpace();
        var (work, tree) = (Path.Combine(folder, "work"), Path.Combine(folder, "tree"));
        var (root, temporary) = (Path.Combine(tree, "root"), Path.Combine(work, "tmp"));
        foreach (var passed in new[] { folder, work, tree, root, temporary })
        {
            Directory.CreateDirectory(passed);
            File.SetUnixFileMode(passed, (UnixFileMode)0x1ED); // 0755: the range's root passes through
        }
        File.SetUnixFileMode(temporary, (UnixFileMode)0x3FF); // 1777
        log.Reach(2, "fetching packages");
        await pool.FetchAsync(locked, work, (done, all) => log.Reach(2 + 6 * done / all, "fetching packages"), stop);
        await tools.FetchAsync(locked, work, stop);
        log.Reach(8, "reading the packages");
        var repository = Path.Combine(work, "packages");
        await LocalRepository.MakeAsync(locked, pool, repository, stop);
        ShowAll(repository);

        await InstallAsync(recipe, locked, (repository, work, root), log, elsewhere, stop);

        log.Reach(94, "reading the tree");
        var otherwise = BundlePackage.DifferencesTo(locked, Path.Combine(root, "var/lib/dpkg/status"));
        if (!otherwise.IsEmpty)
            throw new BundleException(
                $"What was installed is not what the lock of {recipe.Name} says:\n{string.Join('\n', otherwise)}\n"
                    + $"Remedy: testgrid bundle update {recipe.Name}"
            );
        var manifest = TreeReader.Read(root, range.Base, stop);
        await KeepAsync(manifest, Path.Combine(tree, "manifest.gz"), stop);
        log.Reach(97, "checking");
        foreach (var check in recipe.Tools.Select(ToolCheck.Of).Concat(recipe.Checks))
            await CheckAsync(recipe, check, root, Path.Combine(work, "check"), stop);

        var record = new BundleRecord(
            recipe.Name,
            manifest.Digest,
            recipe.Suite,
            BuildKey.Of(recipe, locked.Digest),
            locked.Epoch,
            manifest.Bytes,
            BundlePackage.Of(locked)
        )
        {
            LockDigest = locked.Digest,
        };
        record.Write(Path.Combine(tree, "bundle.json"));
        await File.WriteAllTextAsync(Path.Combine(tree, "lock.json"), locked.Text(), stop);
        await File.WriteAllBytesAsync(Path.Combine(tree, "lease"), [], stop);
        log.Reach(99, "storing");
        Posix.Settle(tree);
        return record;
    }

    // Whatever our umask: the range's root is a stranger who must read these.
    private static void ShowAll(string folder)
    {
        foreach (var one in Directory.GetDirectories(folder, "*", SearchOption.AllDirectories).Append(folder))
            File.SetUnixFileMode(one, (UnixFileMode)0x1ED); // 0755
        foreach (var one in Directory.GetFiles(Path.Combine(folder, "dists"), "*", SearchOption.AllDirectories))
            File.SetUnixFileMode(one, (UnixFileMode)0x1A4); // 0644
    }

    private void CheckSpace()
    {
        var free = new DriveInfo(options.RootPath).AvailableFreeSpace;
        if (free < options.FreeBytes)
            throw new BundleException(
                $"{options.RootPath} has {free >> 20} MB free and a build wants {options.FreeBytes >> 20} MB. "
                    + "Remedy: make room, or move the store (Bundles:RootPath)."
            );
    }

    private async Task InstallAsync(
        Recipe recipe,
        BundleLock locked,
        (string Repository, string Work, string Root) at,
        BuildLog log,
        bool elsewhere,
        CancellationToken stop
    )
    {
        var (repository, work, root) = at;
        // The folder itself is handed over too: only its owner may set its mode. An ordinary user's range does it.
        if (Posix.EffectiveUser() == 0)
            Posix.GiveTo(root, range.Base, range.Base);
        var finish = Path.Combine(work, "finish.sh");
        await File.WriteAllTextAsync(finish, FinishScript.Of(recipe), stop);
        var archives = locked.Tools.Select(tool => pool.FileOf(tool.Sha256));
        File.SetUnixFileMode(finish, (UnixFileMode)0x1A4); // 0644
        const string merged = "/usr/share/mmdebstrap/hooks/maybe-merged-usr";
        string[] command =
        [
            .. elsewhere ? Surroundings.Others : [],
            "sh",
            "-c",
            Build,
            "build",
            root,
            "mmdebstrap",
            "--verbose",
            .. Options,
            .. recipe.Packages.IsEmpty ? [] : (string[])[$"--include={string.Join(',', recipe.Packages)}"],
            .. Directory.Exists(merged) ? (string[])[$"--hook-dir={merged}"] : [],
            $"--customize-hook=sh '{finish}' \"$1\" {string.Join(' ', archives.Select(file => $"'{file}'"))}",
            LocalRepository.Suite,
            root,
            LocalRepository.Line(repository),
        ];
        await using var build = await LifelineProcess.StartAsync(range, command, Env(locked, work), log.Hear, stop);
        await build.Output.CopyToAsync(Stream.Null, stop);
        var code = await build.WaitAsync(stop);
        if (code != 0)
            throw new BundleException(
                $"Bundle {recipe.Name} could not be built (mmdebstrap ended with {code}).\n{log.Errors}"
            );
    }

    private const string Build = """
        set -e
        umask 022
        root=$1
        shift
        cd /
        chown 0:0 "$root"
        "$@"
        find "$root/dev" -mindepth 1 -delete
        for file in etc/hosts etc/hostname etc/resolv.conf; do
            [ -e "$root/$file" ] || [ -L "$root/$file" ] || : >"$root/$file"
        done
        find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
        """;

    private static Dictionary<string, string> Env(BundleLock locked, string work) =>
        new()
        {
            ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ["HOME"] = "/nonexistent",
            ["LC_ALL"] = "C.UTF-8",
            ["TZ"] = "UTC",
            ["DEBIAN_FRONTEND"] = "noninteractive",
            ["SOURCE_DATE_EPOCH"] = locked.Epoch.ToString(CultureInfo.InvariantCulture),
            ["TMPDIR"] = Path.Combine(work, "tmp"),
        };

    private static async Task KeepAsync(Manifest manifest, string file, CancellationToken stop)
    {
        await using var gzip = new GZipStream(File.Create(file), CompressionLevel.Fastest);
        await gzip.WriteAsync(manifest.Text, stop);
    }

    // In an overlay that vanishes with its namespace: a check that writes must not change what was just digested.
    private const string Look = """
        set -e
        umask 022
        mkdir -p "$1"
        mount -t tmpfs -o mode=755 tmpfs "$1"
        mkdir "$1/upper" "$1/work" "$1/root"
        mount -t overlay -o "userxattr,lowerdir=$2,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
        mount --rbind /dev "$1/root/dev"
        mount --rbind /proc "$1/root/proc"
        root=$1/root uid=$3 name=$4
        shift 4
        cd /
        exec chroot --userspec="$uid:$uid" --groups="$uid" "$root" /usr/bin/env -i "HOME=/home/$name" "USER=$name" \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@" 2>&1
        """;

    private async Task CheckAsync(Recipe recipe, RecipeCheck check, string root, string mount, CancellationToken stop)
    {
        Directory.CreateDirectory(mount);
        var user = recipe.Users.FirstOrDefault() ?? new RecipeUser("root", 0, false);
        var uid = user.Uid.ToString(CultureInfo.InvariantCulture);
        using var process = await range.StartAsync(
            ["sh", "-c", Look, "check", mount, root, uid, user.Name, .. check.Run],
            stop
        );
        try
        {
            process.StandardInput.Close();
            var complaints = process.StandardError.ReadToEndAsync(stop);
            var said = await process.StandardOutput.ReadToEndAsync(stop);
            await process.WaitForExitAsync(stop);
            if (process.ExitCode != 0 || !said.Contains(check.Expect, StringComparison.Ordinal))
                throw new BundleException(
                    $"Bundle {recipe.Name} fails its check '{string.Join(' ', check.Run)}': it ended with "
                        + $"{process.ExitCode}, should say '{check.Expect}', and said: "
                        + $"{said.Trim()} {(await complaints).Trim()}"
                );
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
